import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { JSON_TYPE } from "@shop/contracts/headers";
import { openApiDocument, type DocumentOptions } from "./document.ts";
import { DOCS_FILES, type DocsFile } from "./docs-files.ts";
import { INITIALIZER, PAGE, PAGE_POLICY } from "./page.ts";

interface ServedFile {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** By path. */
export type ServedFiles = ReadonlyMap<string, ServedFile>;

const require = createRequire(import.meta.url);
const SWAGGER_UI = dirname(require.resolve("swagger-ui-dist/package.json"));

/** All of the reference, made and read once: what is served is what stands here, whatever a request names. */
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
