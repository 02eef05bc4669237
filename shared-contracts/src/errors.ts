import { z } from "zod";

interface ErrorRule {
  readonly status: number;
  /** The gateway passes it on from a service. Other codes are about the gateway's own call (its route, its token): a 502. */
  readonly fromService: boolean;
}

/** Every error code of the public contract. The one place that maps codes to HTTP. */
export const ERROR_CODES = {
  VALIDATION_FAILED: { status: 400, fromService: true },
  MALFORMED_JSON: { status: 400, fromService: true },
  BAD_REQUEST: { status: 400, fromService: true },
  UNAUTHENTICATED: { status: 401, fromService: false },
  FORBIDDEN: { status: 403, fromService: false },
  NOT_FOUND: { status: 404, fromService: false },
  PRODUCT_NOT_FOUND: { status: 404, fromService: true },
  ORDER_NOT_FOUND: { status: 404, fromService: true },
  METHOD_NOT_ALLOWED: { status: 405, fromService: false },
  PRICE_CHANGED: { status: 409, fromService: true },
  IDEMPOTENCY_IN_PROGRESS: { status: 409, fromService: true },
  PRECONDITION_FAILED: { status: 412, fromService: true },
  PAYLOAD_TOO_LARGE: { status: 413, fromService: true },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, fromService: true },
  IDEMPOTENCY_KEY_REUSED: { status: 422, fromService: true },
  RATE_LIMITED: { status: 429, fromService: false },
  INTERNAL: { status: 500, fromService: true },
  BAD_GATEWAY: { status: 502, fromService: false },
  UNAVAILABLE: { status: 503, fromService: true },
  UPSTREAM_TIMEOUT: { status: 504, fromService: false },
} as const satisfies Record<string, ErrorRule>;

export type ErrorCode = keyof typeof ERROR_CODES;

const errorCodes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

export const errorDetail = z.object({ path: z.string(), message: z.string() });
export type ErrorDetail = z.infer<typeof errorDetail>;

/** What a service answers on failure; the gateway puts it under `error` in the envelope. */
export const errorBody = z
  .object({
    code: z.enum(errorCodes),
    message: z.string(),
    details: z.array(errorDetail),
  })
  .meta({ id: "Error" });
export type ErrorBody = z.infer<typeof errorBody>;

/**
 * A failure with a stable code. Whatever else is thrown is a bug and becomes `INTERNAL`. It is an expected outcome and has no stack,
 * which would cost more than the rest of a refusal; what it came from is its `cause`.
 */
export class ContractError extends Error {
  override readonly name = "ContractError";
  readonly code: ErrorCode;
  readonly details: readonly ErrorDetail[];

  constructor(
    code: ErrorCode,
    message: string,
    details: readonly ErrorDetail[] = [],
    options?: ErrorOptions,
  ) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERROR_CODES[this.code].status;
  }

  toBody(): ErrorBody {
    return { code: this.code, message: this.message, details: [...this.details] };
  }
}
