import type { Express, Request, Response } from "express";
import { exchangeOf } from "../exchange/exchange.ts";
import type { InFlight } from "../exchange/in-flight.ts";
import type { WaitingBytes } from "./waiting-bytes.ts";

/** What an answer costs beside its bytes, until it is sent: both objects, their headers and listeners. */
const ANSWER_BYTES = 8_192;

/**
 * An answer that is whole takes no place in flight any more, however long its client takes to read it. From then on its
 * bytes count. Node has no event for this: most answers are with the kernel when `end` returns, and cost nothing here.
 */
export function countUnread(
  { response: prototype }: Express,
  { inFlight, waiting }: { inFlight: InFlight; waiting: WaitingBytes },
): void {
  // oxlint-disable-next-line typescript/unbound-method -- called on its response below
  const { end } = prototype;
  const wait = (response: Response): void => {
    const request = response.req as Request;
    const exchange = exchangeOf(request);
    if (exchange.phase !== undefined) {
      inFlight[exchange.phase] -= 1;
      exchange.phase = "sending";
      inFlight.sending += 1;
    }
    const { socket } = request;
    // The files are in memory once, however many wait for them.
    const isFile = exchange.route?.answeredBy === "api-reference";
    const bytes = ANSWER_BYTES + (isFile ? 0 : response.writableLength);
    response.once("close", () => waiting.remove(socket, bytes));
    waiting.add(socket, bytes);
  };
  type Given = [chunk?: unknown, encoding?: unknown, callback?: unknown];
  prototype.end = function (this: Response, ...[chunk, encoding, callback]: Given) {
    const isFirst = !this.writableEnded;
    end.call(this, chunk, encoding as BufferEncoding, callback as () => void);
    if (isFirst && this.writableLength > 0 && !this.destroyed) wait(this);
    return this;
  };
}
