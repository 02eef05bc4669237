import { failure } from "@shop/contracts/envelope";
import { ERROR_CODES, errorBody, type ErrorBody, type ErrorCode } from "@shop/contracts/errors";
import { z } from "zod";
import type { ZodOpenApiResponseObject } from "zod-openapi";
import type { Route } from "../routes.ts";
import { EXAMPLE_META } from "./examples.ts";
import type { AnswerHeader } from "./headers.ts";
import { ERRORS } from "./errors.ts";
import { headerRefs, JSON_MEDIA_TYPE } from "./answer.ts";
import type { Operation } from "./operation.ts";

const components = new Map<string, ZodOpenApiResponseObject>();

/** The answer with any of these codes, which have one status. The same codes are one component, and have to be one object. */
export function errorAnswer(codes: readonly ErrorCode[]): ZodOpenApiResponseObject {
  const id = codes.map(pascalCase).join("Or");
  const made = components.get(id) ?? makeErrorAnswer(id, codes);
  components.set(id, made);
  return made;
}

function makeErrorAnswer(id: string, codes: readonly ErrorCode[]): ZodOpenApiResponseObject {
  const error = errorBody.extend({ code: z.enum(codes) });
  return {
    id,
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].when}`).join("\n\n"),
    headers: headerRefs(codes.flatMap((code) => HEADERS[code] ?? [])),
    content: {
      [JSON_MEDIA_TYPE]: {
        schema: failure.extend({ error }),
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
      },
    },
  };
}

/** All that may go wrong on a route, by status. */
export function errorAnswers(
  route: Route,
  operation: Operation,
): Record<`${number}`, ZodOpenApiResponseObject> {
  const codes = new Set([...codesOf(route), ...(operation.errors ?? [])]);
  // In the contract's order, so that the same codes make the same component.
  const known = (Object.keys(ERROR_CODES) as ErrorCode[]).filter((code) => codes.has(code));
  const byStatus = Map.groupBy(known, (code) => ERROR_CODES[code].status);
  return Object.fromEntries([...byStatus].map(([status, some]) => [status, errorAnswer(some)]));
}

/** What the pipeline may say on a route of its kind. */
const codesOf = ({ body, open, scope, answeredBy }: Route): ErrorCode[] => [
  "VALIDATION_FAILED",
  "BAD_REQUEST",
  ...(body ? (["MALFORMED_JSON", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"] as const) : []),
  ...(open ? [] : (["UNAUTHENTICATED"] as const)),
  ...(scope ? (["FORBIDDEN"] as const) : []),
  ...(answeredBy === "health" ? [] : (["RATE_LIMITED"] as const)),
  "INTERNAL",
  "UNAVAILABLE",
  ...(isOwn(answeredBy) ? [] : (["BAD_GATEWAY", "UPSTREAM_TIMEOUT"] as const)),
];

/** No service is waited for. */
const isOwn = (answeredBy: Route["answeredBy"]): boolean =>
  answeredBy === "health" || answeredBy === "api-reference";

const HEADERS: Partial<Record<ErrorCode, readonly AnswerHeader[]>> = {
  METHOD_NOT_ALLOWED: ["Allow"],
  RATE_LIMITED: ["Retry-After"],
  UNAVAILABLE: ["Retry-After"],
  UNAUTHENTICATED: ["WWW-Authenticate"],
  FORBIDDEN: ["WWW-Authenticate"],
};

function exampleOf(code: ErrorCode): z.infer<typeof failure> {
  const { message, details = [] } = ERRORS[code];
  const error: ErrorBody = { code, message, details: [...details] };
  return { success: false, error, meta: EXAMPLE_META };
}

const pascalCase = (code: string): string =>
  code.replace(
    /([A-Z])([A-Z]*)_?/g,
    (_, first: string, rest: string) => first + rest.toLowerCase(),
  );
