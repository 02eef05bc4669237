import type { RequestHandler } from "express";

/** While the gateway stops, clients are asked to come back on another connection, before idle ones are cut. */
export const sayGoodbye =
  (isStopping: () => boolean): RequestHandler =>
  (_request, response, next) => {
    if (isStopping()) response.setHeader("connection", "close");
    next();
  };
