import type { LoggerService } from "@nestjs/common";
import type { Logger } from "../log/logger.ts";

/** Nest's own lines in our log: its start-up chatter at debug, its warnings and errors as they are. */
export function nestLogger(log: Logger): LoggerService {
  const line = (level: "debug" | "warn" | "error") => (message: unknown) =>
    log[level]({ nest: true }, String(message));
  return {
    log: line("debug"),
    debug: line("debug"),
    verbose: line("debug"),
    warn: line("warn"),
    error: line("error"),
    fatal: line("error"),
  };
}
