import type { Socket } from "node:net";
import type { Express, Request, Response } from "express";
import { exchangeOf, type InFlight } from "../exchange/exchange.ts";

/** How far below the limit a cut goes, so that the next byte does not ask for another. */
const AFTER_CUT = 0.9;

/**
 * Bounds the bytes that wait for clients: of bodies that are still on their way, and of answers that are not read. Beyond the limit
 * the connections are cut on which most waits. Refusing new requests, or cutting the oldest, would let a few such clients stop all
 * others: a client that is merely slow has little waiting.
 */
export class WaitingBytes {
  sum = 0;
  private readonly bySocket = new Map<Socket, number>();

  constructor(
    private readonly most: number,
    private readonly onCut: () => void,
  ) {}

  add(socket: Socket, bytes: number): void {
    // Node's parser goes on with what it has read from a connection that was cut meanwhile.
    if (socket.destroyed) return;
    this.sum += bytes;
    this.bySocket.set(socket, (this.bySocket.get(socket) ?? 0) + bytes);
    if (this.sum > this.most) this.cutLargest();
  }

  /** A connection that was cut has nothing left to remove. */
  remove(socket: Socket, bytes: number): void {
    const its = this.bySocket.get(socket);
    if (its === undefined) return;
    this.sum -= Math.min(its, bytes);
    if (its > bytes) this.bySocket.set(socket, its - bytes);
    else this.bySocket.delete(socket);
  }

  private cutLargest(): void {
    for (const [socket, its] of [...this.bySocket].toSorted(([, a], [, b]) => b - a)) {
      if (this.sum <= this.most * AFTER_CUT) return;
      this.remove(socket, its);
      socket.destroy();
      this.onCut();
    }
  }
}

/** What an answer costs beside its bytes, until it is sent: both objects, their headers and listeners. */
const ANSWER_BYTES = 8_192;

/**
 * A whole answer takes no place in flight any more, however long its client takes to read it: from then on its bytes count. Node has
 * no event for this. Most answers are with the kernel when `end` returns, and cost nothing here.
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
    // A file is in memory once, however many clients wait for it.
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
