import type { Server } from "node:net";
import { setTimeout as rest } from "node:timers/promises";
import { promisify } from "node:util";
import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { takeWhatCame } from "./http/take-what-came.ts";
import { LOGGER, type Logger } from "./log/logger.ts";
import { HealthReport } from "./observe/health.ts";

/** From the signal on, the time to leave included. */
const HTTP_CLOSE_LIMIT_MS = 4_000;
const LEAVE_MS = {
  /** For what connects just now. */
  least: 300,
  /** For callers that keep connections and ask for nothing. With a broker that hangs, the parts take 8 s of the 9.5. */
  most: 1_000,
};
const LOOK_EVERY_MS = 20;

/** Something that runs beside the requests. */
export interface Part {
  start?(): void | Promise<void>;
  stop(): void | Promise<void>;
}

/** By name, in the order of starting. */
export type Parts = Readonly<Record<string, Part>>;

export const PARTS = Symbol("parts");

/**
 * The way up and down, by Nest's hooks. Up: the parts in order, before the service listens. Down: not ready → callers leave → no new requests →
 * the parts in the reverse order. Nest runs the hooks of one module's providers at the same time, so the order stands in the list.
 */
@Injectable()
export class Lifecycle
  implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  private cutting: NodeJS.Timeout | undefined;

  constructor(
    private readonly http: HttpAdapterHost,
    private readonly health: HealthReport,
    @Inject(LOGGER) private readonly log: Logger,
    @Inject(PARTS) private readonly parts: Parts,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    for (const part of Object.values(this.parts)) await part.start?.();
  }

  async beforeApplicationShutdown(): Promise<void> {
    const server: Server & { closeAllConnections(): void } = this.http.httpAdapter.getHttpServer();
    if (!server.listening) return;
    const startedAt = performance.now();
    const elapsed = (): number => performance.now() - startedAt;
    this.health.markStopping();
    // Answers say `connection: close` from here on, so that callers leave by themselves. Idle connections are closed after that.
    await rest(LEAVE_MS.least);
    while (elapsed() < LEAVE_MS.most && (await connectionsOf(server)) > 0)
      await rest(LOOK_EVERY_MS);
    await takeWhatCame(server);
    // Nest closes the server next, which waits for the requests in flight.
    this.cutting = setTimeout(() => {
      this.log.warn("requests did not finish in time; their connections are cut");
      server.closeAllConnections();
    }, HTTP_CLOSE_LIMIT_MS - elapsed());
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.cutting);
    for (const [name, part] of Object.entries(this.parts).toReversed()) {
      try {
        await part.stop();
      } catch (error) {
        this.log.error({ err: error, part: name }, "a part did not stop cleanly");
      }
    }
  }
}

function connectionsOf(server: Server): Promise<number> {
  return promisify(server.getConnections.bind(server))();
}
