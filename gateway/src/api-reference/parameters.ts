import { DEFAULT_LIMIT, MAX_LIMIT, cursor, limit } from "@shop/contracts/page";
import { MAX_PRODUCT_ID, productIdText } from "@shop/contracts/product";
import { z } from "zod";
import type { ZodOpenApiOperationObject, ZodOpenApiOverride } from "zod-openapi";
import type { Route } from "../routes.ts";
import type { Operation } from "./operation.ts";

/** In a URL numbers are text; readers and generated clients want numbers. */
const AS_NUMBERS = new Map<unknown, object>([
  [productIdText, { type: "integer", minimum: 1, maximum: MAX_PRODUCT_ID, examples: [26] }],
  [limit, { type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT }],
  [cursor, { description: "From `nextCursor` of the page before, unchanged" }],
]);

export const asWritten: ZodOpenApiOverride = ({ zodSchema, jsonSchema }) => {
  const better = AS_NUMBERS.get(zodSchema);
  if (better === undefined) return;
  delete jsonSchema.pattern;
  Object.assign(jsonSchema, better);
};

type Parameters = Pick<ZodOpenApiOperationObject, "requestParams" | "parameters">;

export function parametersOf({ params, query, headers }: Route, operation: Operation): Parameters {
  const known = [...(operation.headers ?? []), "X-Request-ID", "traceparent"];
  return {
    requestParams: {
      ...(params instanceof z.ZodObject && { path: params }),
      ...(query instanceof z.ZodObject && { query }),
    },
    parameters: [
      ...(headers instanceof z.ZodObject ? headersOf(headers) : []),
      ...known.map((name) => ({ $ref: `#/components/parameters/${name}` as const })),
    ],
  };
}

/** With capital letters, as people write them. */
const headersOf = ({ shape }: z.ZodObject): z.ZodType[] =>
  Object.entries(shape).map(([name, schema]) =>
    (schema as z.ZodType).meta({
      param: { in: "header", name: name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()) },
    }),
  );
