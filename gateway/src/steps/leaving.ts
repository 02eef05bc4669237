import type { RequestHandler } from "express";
import { closeAfter } from "../listener/closing-connection.ts";

/** While the gateway stops, clients are asked to come back on another connection, before idle ones are cut. */
export const sayGoodbye =
  (isStopping: () => boolean): RequestHandler =>
  (request, response, next) => {
    if (isStopping()) closeAfter(request, response);
    next();
  };
