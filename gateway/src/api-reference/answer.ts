import { success } from "@shop/contracts/envelope";
import type { ZodOpenApiResponseObject } from "zod-openapi";
import { EXAMPLE_META } from "./examples.ts";
import type { AnswerHeader } from "./headers.ts";
import type { Answer } from "./operation.ts";

export const JSON_MEDIA_TYPE = "application/json";

/** An answer that is no error. */
export function goodAnswer(answer: Answer): ZodOpenApiResponseObject {
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

/** With those that every answer may have. */
export const headerRefs = (names: readonly AnswerHeader[]) =>
  Object.fromEntries(
    (["X-Request-ID", "RateLimit-Policy", "RateLimit", ...names] as const).map((name) => [
      name,
      { $ref: `#/components/headers/${name}` as const },
    ]),
  );
