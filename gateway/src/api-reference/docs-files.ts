/** What the page at /docs loads, and the only files that are served. */
export const DOCS_FILES = [
  "swagger-ui.css",
  "swagger-ui-bundle.js",
  "initializer.js",
  "favicon-32x32.png",
] as const;

export type DocsFile = (typeof DOCS_FILES)[number];
