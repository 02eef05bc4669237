import { once } from "node:events";
import type { Server } from "node:http";
import { setTimeout as rest } from "node:timers/promises";
import { within } from "@shop/service-kit/limited-wait";
import type { Logger } from "@shop/service-kit/log/logger";
import type { RateLimit } from "./steps/rate-limit.ts";
import type { Upstreams } from "./upstream/upstream.ts";

/** Long enough for clients at work to read `Connection: close` and leave by themselves. */
const LEAVE_MS = 300;
/** Above every deadline by default; with the rest of the way below the 10 s that a stop may take. */
const FINISH_LIMIT_MS = 7_000;

export interface Stopping {
  readonly server: Server;
  readonly admin: Server;
  readonly upstreams: Upstreams;
  readonly rateLimit: RateLimit | undefined;
  readonly log: Logger;
}

/** Not ready already → stop accepting → finish what is in flight → close the connections to others. */
export async function stopGateway(parts: Stopping): Promise<void> {
  const { server, admin, upstreams, rateLimit, log } = parts;
  await rest(LEAVE_MS);
  const closed = once(server, "close");
  // Idle connections are cut, the others at the end of their answer.
  server.close();
  await within(FINISH_LIMIT_MS, closed, () => new Error("requests did not finish in time")).catch(
    (error: unknown) => {
      log.warn({ err: error }, "stopping all the same");
      server.closeAllConnections();
    },
  );
  await Promise.all(Object.values(upstreams).map((upstream) => upstream.close()));
  rateLimit?.stop();
  admin.close();
  admin.closeAllConnections();
  log.info("stopped");
}
