import { once } from "node:events";
import type { Server } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { takeWhatCame } from "@shop/service-kit/http/take-what-came";
import type { Logger } from "@shop/service-kit/log/logger";
import type { RequestHandler } from "express";
import { allInFlight, type InFlight } from "./exchange/exchange.ts";
import { closeAfter } from "./listener/unread-body.ts";
import type { RateLimit } from "./rate-limit/rate-limit.ts";
import type { Upstreams } from "./upstream/instances.ts";

/** Long enough for busy clients to read `Connection: close` and leave by themselves. */
const LEAVE_MS = 300;
/** Above every deadline by default. With the other steps it stays below the 10 s that a stop may take. */
const FINISH_LIMIT_MS = 7_000;
const LOOK_EVERY_MS = 10;

/** While the gateway stops, asks clients to use another connection next time, before idle ones are closed. */
export const closeWhileStopping =
  (isStopping: () => boolean): RequestHandler =>
  (request, response, next) => {
    if (isStopping()) closeAfter(request, response);
    next();
  };

interface Stopping {
  readonly server: Server;
  readonly admin: Server;
  readonly upstreams: Upstreams;
  readonly rateLimit: RateLimit | undefined;
  readonly inFlight: InFlight;
  readonly log: Logger;
}

/** Not ready already → stop accepting → finish what is in flight → close the connections to others. */
export async function stopGateway(parts: Stopping): Promise<void> {
  const { server, admin, upstreams, rateLimit, inFlight, log } = parts;
  await pause(LEAVE_MS);
  await takeWhatCame(server);
  const closed = once(server, "close");
  server.close();
  const limit = performance.now() + FINISH_LIMIT_MS;
  while (allInFlight(inFlight) > 0 && performance.now() < limit) await pause(LOOK_EVERY_MS);
  const requests = allInFlight(inFlight);
  if (requests > 0) log.warn({ requests }, "requests did not finish in time");
  // Also connections without any request: for Node they are not idle, and would delay the stop.
  server.closeAllConnections();
  await closed;
  await Promise.all(Object.values(upstreams).map((upstream) => upstream.close()));
  rateLimit?.redis?.stop();
  admin.close();
  admin.closeAllConnections();
  log.info("stopped");
}
