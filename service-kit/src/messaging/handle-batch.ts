import { setTimeout as rest } from "node:timers/promises";
import type { EventOf, EventType } from "@shop/contracts/event";
import { isDatabaseTrouble } from "../database/database-errors.ts";
import { backoffMs } from "../async/limited-wait.ts";
import type { Logger } from "../log/logger.ts";

const RETRY_BACKOFF = { first: 100, most: 3_000 };

export interface ConsumerObserver {
  consumed(count: number, ms: number): void;
  deferred(count: number): void;
  deadLettered(): void;
  retried(): void;
}

/**
 * Commits what the events ask for, or throws and leaves nothing. The same event twice must do no harm. Returns the events whose rows
 * another transaction has locked: they come again soon.
 */
export type Handle<T extends EventType> = (
  events: readonly EventOf<T>[],
) => Promise<readonly EventOf<T>[]>;

type Outcome<T extends EventType> =
  | "given up"
  | { readonly locked: readonly EventOf<T>[] }
  | { readonly dataError: unknown };

export interface Handling<T extends EventType> {
  readonly handle: Handle<T>;
  readonly log: Logger;
  readonly observer: ConsumerObserver;
}

/** Retries while the database is away, as long as `mayGoOn`. */
export async function handleUntilDone<T extends EventType>(
  { handle, log, observer }: Handling<T>,
  events: readonly EventOf<T>[],
  mayGoOn: () => boolean,
): Promise<Outcome<T>> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return { locked: await handle(events) };
    } catch (error) {
      if (!isDatabaseTrouble(error)) return { dataError: error };
      const restMs = backoffMs(attempt, RETRY_BACKOFF);
      observer.retried();
      log.warn(
        { err: error, messages: events.length, retryInMs: Math.round(restMs) },
        "a batch waits for the database",
      );
      await rest(restMs);
      if (!mayGoOn()) return "given up";
    }
  }
}
