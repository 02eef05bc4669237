import { failure, success } from "@shop/contracts/envelope";
import { ERROR_CODES, errorBody, type ErrorCode } from "@shop/contracts/errors";
import { z } from "zod";
import type { ZodOpenApiResponseObject } from "zod-openapi";
import type { Route } from "../routes.ts";
import { ERRORS } from "./errors.ts";
import { EXAMPLE_META } from "./examples.ts";
import type { AnswerHeader } from "./headers.ts";
import type { Answer, Operation } from "./operation.ts";

export const JSON_MEDIA_TYPE = "application/json";

/** All answers of a route, by status. */
export function answersOf(
  route: Route,
  operation: Operation,
): Record<`${number}`, ZodOpenApiResponseObject> {
  const codes = new Set([...codesOf(route), ...(operation.errors ?? [])]);
  // In the contract's order, so that the same codes make the same component.
  const known = (Object.keys(ERROR_CODES) as ErrorCode[]).filter((code) => codes.has(code));
  const byStatus = Map.groupBy(known, (code) => ERROR_CODES[code].status);
  return Object.fromEntries([
    ...Object.entries(operation.answers).map(([status, answer]) => [status, goodAnswer(answer)]),
    ...[...byStatus].map(([status, some]) => [status, errorAnswer(some)]),
  ]);
}

/** The codes that the pipeline may give on a route of its kind. */
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

/** No service is asked. */
const isOwn = (answeredBy: Route["answeredBy"]): boolean =>
  answeredBy === "health" || answeredBy === "api-reference";

function goodAnswer(answer: Answer): ZodOpenApiResponseObject {
  const { description, headers = [], links } = answer;
  return {
    description,
    headers: headerRefs(headers),
    ...contentOf(answer),
    ...(links && { links }),
  };
}

function contentOf(answer: Answer): Pick<ZodOpenApiResponseObject, "content"> {
  const { data, meta, file, examples = {}, exampleMeta = {} } = answer;
  if (file) return { content: Object.fromEntries(file.map((type) => [type, fileContent(type)])) };
  if (data === undefined) return {};
  const inEnvelope = Object.entries(examples).map(([name, value]) => [
    name,
    { value: { success: true, data: value, meta: { ...EXAMPLE_META, ...exampleMeta[name] } } },
  ]);
  return {
    content: {
      [JSON_MEDIA_TYPE]: {
        schema: success(data, meta),
        examples: Object.fromEntries(inEnvelope) as Record<string, { value: unknown }>,
      },
    },
  };
}

/** Bytes that are no text have no schema in OpenAPI 3.1. */
function fileContent(type: string) {
  if (type === JSON_MEDIA_TYPE) return { schema: { type: "object" as const } };
  return type.startsWith("text/") ? { schema: { type: "string" as const } } : {};
}

const components = new Map<string, ZodOpenApiResponseObject>();

/** The answer with any of these codes, which have one status. The same codes are one component, and have to be one object. */
export function errorAnswer(codes: readonly ErrorCode[]): ZodOpenApiResponseObject {
  const id = codes.map(pascalCase).join("Or");
  const known = components.get(id);
  if (known) return known;
  const made: ZodOpenApiResponseObject = {
    id,
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].when}`).join("\n\n"),
    headers: headerRefs(codes.flatMap((code) => ERROR_HEADERS[code] ?? [])),
    content: {
      [JSON_MEDIA_TYPE]: {
        schema: failure.extend({ error: errorBody.extend({ code: z.enum(codes) }) }),
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
      },
    },
  };
  components.set(id, made);
  return made;
}

const ERROR_HEADERS: Partial<Record<ErrorCode, readonly AnswerHeader[]>> = {
  METHOD_NOT_ALLOWED: ["Allow"],
  RATE_LIMITED: ["Retry-After"],
  UNAVAILABLE: ["Retry-After"],
  UNAUTHENTICATED: ["WWW-Authenticate"],
  FORBIDDEN: ["WWW-Authenticate"],
};

function exampleOf(code: ErrorCode): z.infer<typeof failure> {
  const { message, details = [] } = ERRORS[code];
  return { success: false, error: { code, message, details: [...details] }, meta: EXAMPLE_META };
}

const pascalCase = (code: string): string =>
  code.replace(
    /([A-Z])([A-Z]*)_?/g,
    (_, first: string, rest: string) => first + rest.toLowerCase(),
  );

/** With the headers that every answer may have. */
const headerRefs = (names: readonly AnswerHeader[]) =>
  Object.fromEntries(
    (["X-Request-ID", "RateLimit-Policy", "RateLimit", ...names] as const).map((name) => [
      name,
      { $ref: `#/components/headers/${name}` as const },
    ]),
  );
