import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Registry } from "prom-client";

/** For operators and orchestrators, on a port that is never published. */
export function createAdminServer(registry: Registry): Server {
  return createServer((request, response) => {
    answer(registry, request, response).catch((error: Error) => response.destroy(error));
  });
}

async function answer(
  registry: Registry,
  { url }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (url === "/metrics") {
    response.setHeader("content-type", registry.contentType);
    response.end(await registry.metrics());
    return;
  }
  response.statusCode = url === "/health/live" ? 200 : 404;
  response.end();
}
