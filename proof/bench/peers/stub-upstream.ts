import { createServer } from "node:http";
import { ORDERS, PRODUCT, PRODUCT_ID } from "./stub-answers.ts";

// Answers as product-service and order-service do, at once: what is measured in front of it is the gateway alone.
const ANSWERS: Record<string, { body: string; headers: Record<string, string> }> = {
  [`/products/${PRODUCT_ID}`]: { body: PRODUCT, headers: { etag: '"3"' } },
  [`/orders/product/${PRODUCT_ID}`]: { body: ORDERS, headers: {} },
};
const KEEP_ALIVE_MS = 65_000;

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
  const answer = ANSWERS[request.url?.split("?")[0] ?? ""];
  if (answer === undefined) {
    response.writeHead(404, { "content-length": 0 }).end();
    return;
  }
  response
    .writeHead(200, {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(answer.body),
      "x-request-id": request.headers["x-request-id"] ?? "none",
      ...answer.headers,
    })
    .end(answer.body);
});
server.listen(Number(process.argv[2]), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
