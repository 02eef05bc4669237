import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ContractError } from "@shop/contracts/errors";
import { JSON_TYPE, namesTag } from "@shop/contracts/headers";
import type { RequestHandler } from "express";
import { exchangeOf } from "../exchange/exchange.ts";
import { prefixOf, type Route } from "../routes.ts";
import { notFound } from "../steps/route-table.ts";
import { openApiDocument, type DocumentOptions } from "./document.ts";
import { DOCS_FILES, INITIALIZER, PAGE, PAGE_POLICY, type DocsFile } from "./page.ts";

interface ServedFile {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** By path. */
export type ServedFiles = ReadonlyMap<string, ServedFile>;

const require = createRequire(import.meta.url);
const SWAGGER_UI = dirname(require.resolve("swagger-ui-dist/package.json"));

/** The whole reference, made and read once: only what is in this map is served. */
export function apiReferenceFiles(options: DocumentOptions): ServedFiles {
  const json = JSON.stringify(openApiDocument(options));
  const page = servedFile(Buffer.from(PAGE), "text/html; charset=utf-8");
  return new Map([
    ["/openapi.json", servedFile(Buffer.from(json), JSON_TYPE)],
    ["/docs", { ...page, headers: { ...page.headers, "content-security-policy": PAGE_POLICY } }],
    ...DOCS_FILES.map((name) => [`/docs/${name}`, docsFile(name)] as const),
  ]);
}

const docsFile = (name: DocsFile): ServedFile =>
  servedFile(
    name === "initializer.js" ? Buffer.from(INITIALIZER) : readFileSync(join(SWAGGER_UI, name)),
    TYPES[name],
  );

const TYPES: Readonly<Record<DocsFile, string>> = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "initializer.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
};

function servedFile(bytes: Buffer, type: string): ServedFile {
  const tag = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  return {
    bytes,
    headers: {
      "content-type": type,
      // Kept, and asked about each time: the next version of the gateway has others under the same names.
      "cache-control": "no-cache",
      etag: `"${tag}"`,
    },
  };
}

/** Looks the path up among the files; no path ever reaches a disk. */
export function sendFile({ path }: Route, files: ServedFiles): RequestHandler {
  return (request, response, next) => {
    const { params } = exchangeOf(request);
    const file = files.get(path.replace(/:(\w+)/, (_, name: string) => String(params[name])));
    if (file === undefined) return next(new ContractError("NOT_FOUND", "There is no such file"));
    const { bytes, headers } = file;
    for (const name of Object.keys(headers)) response.setHeader(name, headers[name]!);
    const known = request.headers["if-none-match"];
    if (known !== undefined && namesTag(known, headers["etag"]!)) {
      response.removeHeader("content-type");
      response.statusCode = 304;
      return void response.end();
    }
    response.setHeader("content-length", bytes.length);
    response.end(bytes);
  };
}

/** A browser prefers HTML to JSON. Other clients, such as curl, find no route here. */
export const sendBrowsersToPage: RequestHandler = (request, response, next) => {
  if (request.accepts(["json", "html"]) !== "html") return notFound(request, response, next);
  response.statusCode = 302;
  response.setHeader("location", `${prefixOf(request.url)}/docs`);
  return void response.end();
};
