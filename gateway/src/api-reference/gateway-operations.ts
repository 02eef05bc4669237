import { healthData } from "../observe/health.ts";
import type { Operation } from "./operation.ts";

const UNCHANGED = {
  description: "`If-None-Match` names the one of today; there is no body",
  headers: ["ETag"],
} as const;

export const GATEWAY_OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /health": {
    id: "getHealth",
    tag: "Gateway",
    summary: "Ask whether the gateway can serve",
    description: "503 only when a service is unreachable or not ready; `details` names it.",
    answers: {
      200: {
        description: "Requests can be served",
        data: healthData,
        examples: {
          ok: { status: "ok", checks: { "product-service": "ok", "order-service": "ok" } },
          degraded: {
            status: "degraded",
            checks: { "product-service": "ok", "order-service": "degraded" },
          },
        },
      },
    },
  },
  "GET /openapi.json": {
    id: "getOpenApi",
    tag: "Gateway",
    summary: "Read this reference as an OpenAPI document",
    description: "The one JSON answer without the envelope.",
    headers: ["If-None-Match"],
    answers: {
      200: { description: "OpenAPI 3.1", file: ["application/json"], headers: ["ETag"] },
      304: UNCHANGED,
    },
  },
  "GET /": {
    id: "getStart",
    tag: "Gateway",
    summary: "Open the shop's address in a browser",
    description:
      "A browser (`Accept: text/html`) is sent to `/docs`; for all others there is nothing.",
    answers: { 302: { description: "To the page of this reference", headers: ["Location"] } },
    errors: ["NOT_FOUND"],
  },
  "GET /docs": {
    id: "getDocs",
    tag: "Gateway",
    summary: "Read this reference as a page, and try it out",
    headers: ["If-None-Match"],
    answers: {
      200: { description: "The page", file: ["text/html"], headers: ["ETag"] },
      304: UNCHANGED,
    },
  },
  "GET /docs/:file": {
    id: "getDocsFile",
    tag: "Gateway",
    summary: "Read a file that the page needs",
    headers: ["If-None-Match"],
    answers: {
      200: {
        description: "The file",
        file: ["text/javascript", "text/css", "image/png"],
        headers: ["ETag"],
      },
      304: UNCHANGED,
    },
    errors: ["NOT_FOUND"],
  },
};
