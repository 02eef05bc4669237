import type { RequestHandler } from "express";

/**
 * One step that runs several. Express looks at path and method again before each handler that it has; between these nothing of
 * that changes.
 */
export function inOrder(steps: readonly RequestHandler[]): RequestHandler {
  return (request, response, done) => {
    let at = 0;
    const next = (error?: unknown): void => {
      const step = steps[at];
      if (error !== undefined || step === undefined) return done(error);
      at += 1;
      const running: unknown = step(request, response, next);
      // oxlint-disable-next-line promise/no-callback-in-promise, promise/no-promise-in-callback -- as Express itself does it
      if (running instanceof Promise) running.catch(done);
    };
    next();
  };
}
