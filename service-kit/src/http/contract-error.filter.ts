import {
  Catch,
  HttpException,
  Inject,
  type ArgumentsHost,
  type ExceptionFilter,
} from "@nestjs/common";
import { ContractError, type ErrorCode } from "@shop/contracts/errors";
import type { FastifyReply } from "fastify";
import { isDatabaseTrouble } from "../database/database-errors.ts";
import { LOGGER, type Logger } from "../log/logger.ts";

const RETRY_AFTER_S = 1;
const REFUSAL_LINES_EVERY_MS = 100;

/** What the framework throws by itself, by its status. */
const FRAMEWORK_CODES: Readonly<Record<number, ErrorCode>> = {
  400: "BAD_REQUEST",
  404: "NOT_FOUND",
  405: "METHOD_NOT_ALLOWED",
  413: "PAYLOAD_TOO_LARGE",
  414: "BAD_REQUEST",
  415: "UNSUPPORTED_MEDIA_TYPE",
};

const FRAMEWORK_MESSAGES: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_REQUEST: "The request could not be read",
  NOT_FOUND: "There is no such route",
  METHOD_NOT_ALLOWED: "The route does not have this method",
  PAYLOAD_TOO_LARGE: "The body is larger than 100 kB",
  UNSUPPORTED_MEDIA_TYPE: "Send the body as application/json",
};

/**
 * The one place that turns errors into answers: a client error says what to do, a bug tells the log everything. Of an outage the log
 * gets a reason: where it was met says nothing.
 */
@Catch()
export class ContractErrorFilter implements ExceptionFilter {
  private refused = { reason: "", at: 0, more: 0 };

  constructor(@Inject(LOGGER) private readonly log: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const error = toContractError(thrown);
    if (error.code === "UNAVAILABLE") {
      void reply.header("retry-after", RETRY_AFTER_S);
      this.tellRefusal(reasonOf(thrown));
    } else if (error.status >= 500) {
      this.log.error({ err: thrown, code: error.code }, "a request failed");
    }
    if (!reply.sent) void reply.status(error.status).send(error.toBody());
  }

  /** Thousands a second may be refused for one reason: a line stands for those since the one before it. */
  private tellRefusal(reason: string): void {
    const now = performance.now();
    const { refused } = this;
    if (reason === refused.reason && now - refused.at < REFUSAL_LINES_EVERY_MS) {
      refused.more += 1;
      return;
    }
    const more = refused.more > 0 ? { more: refused.more } : {};
    this.log.warn({ reason, code: "UNAVAILABLE", ...more }, "a request failed");
    this.refused = { reason, at: now, more: 0 };
  }
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "unknown";
  const { message, cause } = thrown;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

export function toContractError(thrown: unknown): ContractError {
  if (thrown instanceof ContractError) return thrown;
  const status = thrown instanceof HttpException ? thrown.getStatus() : frameworkStatus(thrown);
  const code = status === undefined ? undefined : FRAMEWORK_CODES[status];
  if (code) return new ContractError(code, FRAMEWORK_MESSAGES[code] ?? code);
  if (isDatabaseTrouble(thrown)) {
    return new ContractError("UNAVAILABLE", "The service cannot reach its database; try again");
  }
  return new ContractError("INTERNAL", "Something went wrong here");
}

function frameworkStatus(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !("statusCode" in thrown)) return undefined;
  return typeof thrown.statusCode === "number" ? thrown.statusCode : undefined;
}
