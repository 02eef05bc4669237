import type { Answer, Call } from "@shop/test-support/http";
import { expect } from "vitest";
import { z } from "zod";
import type { Route } from "../routes.ts";
import { openApiDocument, openApiPath } from "./document.ts";
import { ANSWER_HEADERS } from "./headers.ts";

/** What the document says, read as its users read it: as JSON, without the code that made it. */
export const DOCUMENT: any = JSON.parse(JSON.stringify(openApiDocument({ withTokens: false })));

export interface DescribedOperation {
  readonly method: string;
  readonly path: string;
  readonly operation: any;
}

export const OPERATIONS: DescribedOperation[] = Object.entries<any>(DOCUMENT.paths).flatMap(
  ([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
);

export function operationOf({ method, path }: Pick<Route, "method" | "path">): any {
  const operation = DOCUMENT.paths[openApiPath(path)]?.[method.toLowerCase()];
  expect({ method, path, operation }).toMatchObject({ operation: {} });
  return operation;
}

/** The thing itself, or what it refers to. */
export function resolve(thing: any): any {
  const names = thing?.$ref?.split("/").slice(1) as string[] | undefined;
  return names === undefined ? thing : names.reduce((at, name) => at[name], DOCUMENT);
}

/** A schema of the document, to check values by. zod reads it back from the JSON that it was written as. */
export function checkerOf(schema: object): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: DOCUMENT.components.schemas });
  return z.fromJSONSchema(JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/")));
}

/** The status of its good answer. */
export const goodStatusOf = (route: Route): number =>
  Number(Object.keys(operationOf(route).responses)[0]);

/** A request that the document gives as an example. */
export function exampleRequest(route: Route): { path: string; call: Call } {
  const { parameters, requestBody } = operationOf(route);
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => {
    const { schema } = parameters.find((one: any) => one.in === "path" && one.name === name);
    return String((schema.examples ?? schema.enum)[0]);
  });
  const [example] = Object.values<any>(requestBody?.content["application/json"].examples ?? {});
  // Only browsers get an answer there, and OpenAPI has no parameter for Accept.
  const headers = route.path === "/" ? { accept: "text/html" } : {};
  return { path, call: { method: route.method, headers, ...(example && { body: example.value }) } };
}

/** That an answer is one that the document tells of: status, headers, media type, and the body to the last field. */
export function expectDescribed(route: Route, { status, headers, text }: Answer): void {
  const described = resolve(operationOf(route).responses[status]);
  expect({ path: route.path, status, text, described }).toMatchObject({ described: {} });
  expectHeaders(described, headers);
  if (described.content === undefined) {
    expect(text).toBe("");
    return;
  }
  const type = String(headers["content-type"]).split(";", 1)[0]!;
  expect(Object.keys(described.content)).toContain(type);
  const { schema } = described.content[type];
  if (type !== "application/json") return;
  const { error } = checkerOf(schema).safeParse(JSON.parse(text));
  expect({ text, error }).toEqual({ text, error: undefined });
}

function expectHeaders(described: any, headers: Answer["headers"]): void {
  const told = Object.keys(described.headers);
  const given = Object.keys(ANSWER_HEADERS).filter((name) => name.toLowerCase() in headers);
  expect(told).toEqual(expect.arrayContaining(given));
  for (const [name, ref] of Object.entries(described.headers)) {
    const { required, schema } = resolve(ref);
    const value = headers[name.toLowerCase()];
    if (required) expect(Object.keys(headers)).toContain(name.toLowerCase());
    if (value === undefined) continue;
    const read = schema.type === "integer" ? Number(value) : value;
    const { error } = checkerOf(schema).safeParse(read);
    expect({ name, value, error }).toEqual({ name, value, error: undefined });
  }
}
