/** What the page at /docs loads, and the only files that are served. */
export const DOCS_FILES = [
  "swagger-ui.css",
  "swagger-ui-bundle.js",
  "initializer.js",
  "favicon-32x32.png",
] as const;

export type DocsFile = (typeof DOCS_FILES)[number];

/** Addresses are relative to the page, so that they hold under every prefix, and behind a proxy with a prefix of its own. */
export const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Order system: API reference</title>
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="reference"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/initializer.js"></script>
  </body>
</html>
`;

/** A file of its own: the page's policy lets no script run that stands in the page. */
export const INITIALIZER = `SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  displayRequestDuration: true,
  // It would send the document to another server.
  validatorUrl: null,
});
`;

/** The page runs scripts of this server only, and talks to this server only. Swagger UI sets styles on elements, and its style sheet has pictures. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
