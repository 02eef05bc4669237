import { randomUUID } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";
import type { Order } from "@shop/contracts/order";
import { call, type Answer, type Ask } from "./http.ts";

/** Between two tries of a client that got no answer. */
const RETRY_REST_MS = 25;
const ANSWER_LIMIT_MS = 30_000;

export interface Wish {
  readonly productId: number;
  readonly qty: number;
  readonly price?: number;
}

export interface Names {
  readonly key?: string;
  readonly requestId?: string;
}

/** The answer that a client got to one request. `unknown`: no answer came, so there may be an order or not. */
export interface Entry {
  readonly wish: Wish;
  readonly key: string | undefined;
  /** Kept with the order, so that each order leads back to the request that made it. */
  readonly requestId: string;
  readonly outcome: "accepted" | "refused" | "unknown";
  readonly status: number | undefined;
  /** When it was sent, by `performance.now()`, and how long its answer took. */
  readonly at: number;
  readonly tookMs: number;
  readonly order: Order | undefined;
}

/** Places orders as clients do, and remembers each answer. */
export class Ledger {
  readonly entries: Entry[] = [];
  private readonly ask: Ask;

  constructor(ask: Ask = call) {
    this.ask = ask;
  }

  get accepted(): Entry[] {
    return this.entries.filter(({ outcome }) => outcome === "accepted");
  }

  /** One request, whatever becomes of it. */
  async place(url: string, wish: Wish, names: Names = {}): Promise<Entry> {
    const { key, requestId = randomUUID() } = names;
    const headers: Record<string, string> = {
      "x-request-id": requestId,
      ...(key !== undefined && { "idempotency-key": key }),
    };
    const at = performance.now();
    const answer = await this.ask(`${url}/orders`, {
      body: wish,
      headers,
    }).catch(() => undefined);
    const entry: Entry = {
      wish,
      key,
      requestId,
      outcome: outcomeOf(answer),
      status: answer?.status,
      at,
      tookMs: performance.now() - at,
      // The gateway's answers have an envelope.
      order: answer?.status === 201 ? (answer.body.data ?? answer.body) : undefined,
    };
    this.entries.push(entry);
    return entry;
  }

  /** One request without a key; who gets no answer waits a moment before the next wish. */
  async placeOnce(url: string, wish: Wish): Promise<Entry> {
    const entry = await this.place(url, wish);
    if (entry.outcome === "unknown") await rest(RETRY_REST_MS);
    return entry;
  }

  /** Asks again under the same key until there is an order. `url` may be another instance each time. */
  async placeUntilAccepted(url: () => string, wish: Wish, key: string): Promise<Entry> {
    const end = performance.now() + ANSWER_LIMIT_MS;
    for (;;) {
      const entry = await this.place(url(), wish, { key });
      if (entry.outcome === "accepted") return entry;
      if (performance.now() > end)
        throw new Error(`no order for ${key}: ${entry.status ?? "no answer"} for too long`);
      await rest(RETRY_REST_MS);
    }
  }
}

function outcomeOf(answer: Answer | undefined): Entry["outcome"] {
  if (answer?.status === 201) return "accepted";
  // A 5xx may come from a COMMIT whose answer was lost.
  return answer === undefined || answer.status >= 500 ? "unknown" : "refused";
}
