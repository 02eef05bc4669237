import { Inject, Injectable } from "@nestjs/common";
import { StoppableLoop } from "./async/stoppable-loop.ts";
import { Database } from "./database/database.ts";
import type { Sql } from "./database/sql.ts";
import type { Part } from "./lifecycle.ts";
import { LOGGER, type Logger } from "./log/logger.ts";

const AFTER_ERROR_MS = 5_000;
const UNTIL_CONNECTED_MS = 500;

/** Does one round and says how long to rest. */
export type Turn = (tools: { readonly sql: Sql; readonly log: Logger }) => Promise<number>;

/** Loops of a service that work on its database. Each waits until that is connected, and goes on after errors. */
@Injectable()
export class BackgroundLoops implements Part {
  private readonly loops: StoppableLoop[] = [];

  constructor(
    private readonly database: Database,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** For a constructor: loops start with the service. */
  add(name: string, turn: Turn): void {
    const { database, log } = this;
    const onError = (error: unknown): number => {
      log.warn({ err: error, part: name }, "a background task failed and will be tried again");
      return AFTER_ERROR_MS;
    };
    const round = (): Promise<number> =>
      database.connected ? turn({ sql: database.sql, log }) : Promise.resolve(UNTIL_CONNECTED_MS);
    this.loops.push(new StoppableLoop(round, onError));
  }

  start(): void {
    for (const loop of this.loops) loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }
}
