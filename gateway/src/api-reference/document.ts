import { ERROR_CODES, type ErrorCode } from "@shop/contracts/errors";
import { DEFAULT_LIMIT, MAX_LIMIT, cursor, limit } from "@shop/contracts/page";
import { MAX_PRODUCT_ID, productIdText } from "@shop/contracts/product";
import { z } from "zod";
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiOverride,
} from "zod-openapi";
import { PREFIXES, ROUTES, type Route } from "../routes.ts";
import { JSON_MEDIA_TYPE, answersOf, errorAnswer } from "./answers.ts";
import { ERRORS } from "./errors.ts";
import { GATEWAY_OPERATIONS } from "./gateway-operations.ts";
import { ANSWER_HEADERS, REQUEST_HEADERS } from "./headers.ts";
import type { Operation } from "./operation.ts";
import { ORDER_OPERATIONS } from "./order-operations.ts";
import { PRODUCT_OPERATIONS } from "./product-operations.ts";

const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...PRODUCT_OPERATIONS,
  ...ORDER_OPERATIONS,
  ...GATEWAY_OPERATIONS,
};

/** Of the contract, which grows by additions only, and of every package. */
const VERSION = "1.0.0";

const DESCRIPTION = `One URL for products and orders.

Every JSON answer but this document has one envelope: \`data\` and \`meta\`, or \`error\` and \`meta\`. Every answer carries
\`X-Request-ID\`. \`HEAD\` works wherever \`GET\` does; \`OPTIONS\` answers 204 with \`Allow\`; another method is 405 with \`Allow\`.
In an answer from several services, a part that \`meta.unavailable\` names could not be read (\`meta.partial\` is true). A part that is null
and not named there does not exist.
What has an \`ETag\` may be kept, and is asked about each time (\`Cache-Control: no-cache\`); nothing else is (\`no-store\`).

<details><summary>All error codes</summary>

| status | code | when |
|---|---|---|
${(Object.keys(ERRORS) as ErrorCode[])
  .map((code) => `| ${ERROR_CODES[code].status} | \`${code}\` | ${ERRORS[code].when} |`)
  .join("\n")}

</details>
`;

export interface DocumentOptions {
  /** Whether this gateway, and so the document, asks for tokens. */
  readonly withTokens: boolean;
}

/** The whole reference, from the very schemas that validate. */
export function openApiDocument({
  withTokens,
}: DocumentOptions): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of ROUTES) {
    const item = (paths[openApiPath(route.path)] ??= {});
    item[route.method.toLowerCase()] = {
      ...operationObject(route, operationOf(route)),
      ...(withTokens && { security: securityOf(route) }),
    };
  }
  return createDocument(
    {
      openapi: "3.1.1",
      info: { title: "Order system", version: VERSION, description: DESCRIPTION },
      servers: PREFIXES.map((prefix) => ({ url: prefix || "/" })),
      tags: [...new Set(ROUTES.map((route) => operationOf(route).tag))].map((name) => ({ name })),
      paths,
      components: {
        headers: ANSWER_HEADERS,
        parameters: Object.fromEntries(
          Object.entries(REQUEST_HEADERS).map(([name, description]) => [
            name,
            { in: "header" as const, name, description, schema: { type: "string" as const } },
          ]),
        ),
        // No route gives this answer, and yet clients meet it.
        responses: { MethodNotAllowed: errorAnswer(["METHOD_NOT_ALLOWED"]) },
        ...(withTokens && { securitySchemes: SECURITY_SCHEMES }),
      },
    },
    { override: tidy },
  );
}

export const openApiPath = (path: string): string => path.replace(/:(\w+)/g, "{$1}");

function operationOf({ method, path, ...route }: Route): Operation {
  const operation = route.operation ?? OPERATIONS[`${method} ${path}`];
  if (operation === undefined) throw new Error(`${method} ${path} is not described`);
  return operation;
}

function operationObject(route: Route, operation: Operation): ZodOpenApiOperationObject {
  const { id, tag, summary, description } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...parametersOf(route, operation),
    ...bodyOf(route, operation),
    responses: answersOf(route, operation),
  };
}

const SECURITY_SCHEMES = {
  bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
} as const;

const securityOf = ({ open, scope }: Route): Record<string, string[]>[] =>
  open ? [] : [{ bearer: scope === undefined ? [] : [scope] }];

function bodyOf({ body }: Route, { bodies = {} }: Operation) {
  if (body === undefined) return {};
  const examples = Object.entries(bodies).map(([name, value]) => [name, { value }]);
  return {
    requestBody: {
      required: true,
      content: {
        [JSON_MEDIA_TYPE]: { schema: body, examples: Object.fromEntries(examples) },
      },
    },
  };
}

type Parameters = Pick<ZodOpenApiOperationObject, "requestParams" | "parameters">;

function parametersOf({ params, query, headers }: Route, operation: Operation): Parameters {
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

/** In a URL numbers are text; readers and generated clients want numbers. */
const IN_A_URL = new Map<unknown, object>([
  [productIdText, { type: "integer", minimum: 1, maximum: MAX_PRODUCT_ID, examples: [26] }],
  [limit, { type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT }],
  [cursor, { description: "From `nextCursor` of the page before, unchanged" }],
]);

const tidy: ZodOpenApiOverride = ({ zodSchema, jsonSchema }) => {
  const better = IN_A_URL.get(zodSchema);
  // `format` says it; zod's pattern for it only takes room.
  if (better !== undefined || jsonSchema.format === "date-time") delete jsonSchema.pattern;
  Object.assign(jsonSchema, better);
};
