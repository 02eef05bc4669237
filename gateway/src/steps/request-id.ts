import { REQUEST_ID_HEADER } from "@shop/contracts/headers";
import { expressMiddleware } from "cls-rtracer";
import { exchangeOf } from "../exchange/exchange.ts";

/**
 * Gives each request its id, on the answer and around everything that is logged on the way. The factory takes the client's id only
 * where it is a safe one: `useHeader` would take any value.
 */
export const followRequest = expressMiddleware({
  headerName: REQUEST_ID_HEADER,
  echoHeader: true,
  requestIdFactory: (request) => exchangeOf(request).requestId,
});
