import { ContractError } from "@shop/contracts/errors";
import { namesTag } from "@shop/contracts/headers";
import type { RequestHandler } from "express";
import { exchangeOf } from "../exchange/exchange.ts";
import { prefixOf, type Route } from "../routes.ts";
import { notFound } from "../steps/not-found.ts";
import type { ServedFiles } from "./files.ts";

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

/** A browser prefers HTML to JSON. Everything else, such as curl, finds no route here. */
export const sendBrowsersToPage: RequestHandler = (request, response, next) => {
  if (request.accepts(["json", "html"]) !== "html") return notFound(request, response, next);
  response.statusCode = 302;
  response.setHeader("location", `${prefixOf(request.url)}/docs`);
  return void response.end();
};
