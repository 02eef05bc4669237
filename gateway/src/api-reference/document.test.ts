import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERROR_CODES } from "@shop/contracts/errors";
import { describe, expect, test } from "vitest";
import { ROUTES } from "../routes.ts";
import { openApiPath } from "./document.ts";
import { DOCUMENT, OPERATIONS, checkerOf, resolve } from "./reference.fixture.ts";

const contentOf = (answer: any): any => resolve(answer).content?.["application/json"];

describe("the document", () => {
  test("describes every route, and nothing else", () => {
    const routes = ROUTES.map(({ method, path }) => `${method} ${openApiPath(path)}`);
    const told = OPERATIONS.map(({ method, path }) => `${method} ${path}`);
    expect(told.toSorted()).toEqual(routes.toSorted());
  });

  test("gives every operation an id of its own", () => {
    const ids = OPERATIONS.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ROUTES.length);
  });

  test("has the version that every package has", () => {
    const root = fileURLToPath(new URL("../../../", import.meta.url));
    const manifests = ["package.json", ...globSync("*/package.json", { cwd: root })];
    expect(manifests).toContain("gateway/package.json");
    for (const name of manifests) {
      const { version } = JSON.parse(readFileSync(`${root}${name}`, "utf8"));
      expect({ name, version }).toEqual({ name, version: DOCUMENT.info.version });
    }
  });

  test("names both prefixes, and none in its paths", () => {
    expect(DOCUMENT.servers).toEqual([{ url: "/" }, { url: "/api/v1" }]);
    expect(OPERATIONS.filter(({ path }) => path.startsWith("/api/"))).toEqual([]);
  });

  test("names every parameter of every path", () => {
    for (const { path, operation } of OPERATIONS) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const told = operation.parameters.filter((one: any) => one.in === "path");
      expect(told.map((one: any) => one.name)).toEqual(inPath);
    }
  });

  test("has every error code of the contract, under its status", () => {
    const answers = OPERATIONS.flatMap(({ operation }) => Object.entries(operation.responses));
    const all = [...answers, ["405", DOCUMENT.components.responses.MethodNotAllowed]];
    const told = all.flatMap(([status, answer]) =>
      (contentOf(answer)?.schema.properties?.error?.properties.code.enum ?? []).map(
        (code: string) => `${status} ${code}`,
      ),
    );
    const contract = Object.entries(ERROR_CODES).map(([code, { status }]) => `${status} ${code}`);
    expect(new Set(told)).toEqual(new Set(contract));
  });

  test("has no broken reference", () => {
    const refs = JSON.stringify(DOCUMENT).matchAll(/"\$ref":"([^"]+)"/g);
    for (const [, ref] of refs)
      expect({ ref, there: resolve({ $ref: ref }) }).toMatchObject({ there: {} });
  });

  test("links answers only to operations and parameters that exist", () => {
    const byId = new Map(OPERATIONS.map(({ operation }) => [operation.operationId, operation]));
    const links = OPERATIONS.flatMap(({ operation }) =>
      Object.values<any>(operation.responses).flatMap((answer) =>
        Object.values<any>(resolve(answer).links ?? {}),
      ),
    );
    expect(links.length).toBeGreaterThan(5);
    for (const { operationId, parameters = {} } of links) {
      const named = byId.get(operationId)?.parameters.map(({ name }: any) => name);
      expect(named).toEqual(expect.arrayContaining(Object.keys(parameters)));
    }
  });
});

const requestBodies = OPERATIONS.filter(({ operation }) => operation.requestBody);

describe("its bodies of requests", () => {
  test.each(requestBodies)(
    "$method $path refuses fields that it does not know",
    ({ operation }) => {
      const { schema, examples } = operation.requestBody.content["application/json"];
      expect(resolve(schema).additionalProperties).toBe(false);
      const checker = checkerOf(schema);
      for (const { value } of Object.values<any>(examples)) {
        expect(checker.safeParse(value).error).toBeUndefined();
        expect(checker.safeParse({ ...value, more: 1 }).success).toBe(false);
      }
    },
  );
});

describe("its examples", () => {
  const answers = OPERATIONS.flatMap(({ method, path, operation }) =>
    Object.entries(operation.responses)
      .filter(([, answer]) => contentOf(answer)?.examples)
      .map(([status, answer]) => ({ method, path, status, content: contentOf(answer) })),
  );

  test.each(answers)("of $status of $method $path are what its schema says", ({ content }) => {
    const checker = checkerOf(content.schema);
    const examples = Object.values<any>(content.examples);
    expect(examples.length).toBeGreaterThan(0);
    for (const { value } of examples) expect(checker.safeParse(value).error).toBeUndefined();
    // It could say no.
    expect(checker.safeParse({ ...examples[0].value, more: 1 }).success).toBe(false);
  });

  test("of fields and headers are what their schemas say", () => {
    const headers = Object.values<any>(DOCUMENT.components.headers);
    const examples = [
      ...headers.map(({ schema, example }) => ({ schema, value: example })),
      ...schemasIn(DOCUMENT).flatMap((schema) =>
        schema.examples.map((value: unknown) => ({ schema, value })),
      ),
    ];
    expect(examples.length).toBeGreaterThan(15);
    for (const { schema, value } of examples) {
      expect(checkerOf(schema).safeParse(value).error).toBeUndefined();
    }
  });
});

/** Those with examples, wherever they stand. */
function schemasIn(part: unknown): any[] {
  if (typeof part !== "object" || part === null) return [];
  const here = Array.isArray((part as any).examples) && "type" in part ? [part] : [];
  return [...here, ...Object.values(part).flatMap(schemasIn)];
}
