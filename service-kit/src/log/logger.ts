import { pino, stdTimeFunctions, type DestinationStream, type Logger } from "pino";
import { currentRequestId } from "./request-id.ts";

export type { Logger } from "pino";

/** For injection: the type is pino's, and gone when it runs. */
export const LOGGER = Symbol("logger");

export interface LogOptions {
  readonly name: string;
  readonly level: string;
}

/** One JSON line for each log entry, with the request id of the work that it belongs to. */
export function createLogger(options: LogOptions, destination?: DestinationStream): Logger {
  const settings = {
    level: options.level,
    base: { service: options.name },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: () => {
      const requestId = currentRequestId();
      return requestId === undefined ? {} : { requestId };
    },
    // A line's own request id (an event's) wins over the surrounding one.
    mixinMergeStrategy: (line: object, mixed: object) => ({ ...mixed, ...line }),
    serializers: { err: (error: unknown) => describeError(error) },
  };
  return destination ? pino(settings, destination) : pino(settings);
}

/** Causes may go round in a circle. */
const MAX_CAUSES = 4;

/**
 * What a log says of an error: never its parameters, its statement or its `detail`, which hold what users sent.
 * PostgreSQL's `detail` and TypeORM's `parameters` are such fields.
 */
export function describeError(error: unknown, depth = 0): object {
  if (!(error instanceof Error)) return { message: "something that is not an Error was thrown" };
  const { name, message, stack, cause } = error;
  const code = (error as { code?: unknown }).code;
  // A host with several addresses fails with one error for each, and no message of its own.
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [];
  const inner = (one: unknown): object => describeError(one, depth + 1);
  return {
    type: name,
    message,
    ...(typeof code === "string" && { code }),
    stack,
    ...(cause instanceof Error && depth < MAX_CAUSES && { cause: inner(cause) }),
    ...(errors.length > 0 && depth < MAX_CAUSES && { errors: errors.map(inner) }),
  };
}

export interface EventLine {
  readonly id: string;
  readonly type: string;
  readonly requestId: string;
}

/** One line for each event published or consumed, at debug; at info where `LOG_EVENTS` asks for it. */
export class EventLog {
  constructor(
    private readonly log: Logger,
    private readonly level: "info" | "debug",
  ) {}

  published(events: readonly EventLine[]): void {
    this.write(events, "event published");
  }

  consumed(events: readonly EventLine[]): void {
    this.write(events, "event consumed");
  }

  private write(events: readonly EventLine[], message: string): void {
    if (!this.log.isLevelEnabled(this.level)) return;
    for (const { id, type, requestId } of events) {
      this.log[this.level]({ event: type, eventId: id, requestId }, message);
    }
  }
}
