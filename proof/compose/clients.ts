import { randomUUID } from "node:crypto";
import { waitUntil } from "../../local-stack/src/processes/wait-until.ts";

const ANSWER_TIMEOUT_MS = 6_000;
const SETTLE_TIMEOUT_MS = 90_000;

interface Answer {
  status: number;
  data: Record<string, unknown>;
}

/** What a client of the gateway does, with patience: while something restarts, an answer may be 503, or none. */
export function shopClient(url: string, signal: AbortSignal) {
  async function ask(path: string, body?: object, key?: string): Promise<Answer | null> {
    try {
      const response = await fetch(`${url}${path}`, {
        ...(body && { method: "POST", body: JSON.stringify(body) }),
        headers: { "content-type": "application/json", ...(key && { "idempotency-key": key }) },
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      const { data = {} } = (await response.json()) as { data?: Answer["data"] };
      return { status: response.status, data };
    } catch {
      return null;
    }
  }

  async function until(
    what: string,
    done: (answer: Answer) => boolean,
    ...request: Parameters<typeof ask>
  ): Promise<Answer["data"]> {
    let last: Answer | null = null;
    const isDone = async () => {
      last = await ask(...request);
      return last !== null && done(last);
    };
    try {
      await waitUntil(isDone, { what, timeoutMs: SETTLE_TIMEOUT_MS, signal });
    } catch (error) {
      throw new Error(`${(error as Error).message}; the last answer: ${JSON.stringify(last)}`, {
        cause: error,
      });
    }
    return last!["data"];
  }

  return {
    async createProduct(qty: number): Promise<number> {
      const product = { name: "Proof", price: 1.5, qty };
      const isCreated = ({ status }: Answer) => status === 201;
      const { id } = await until("POST /products", isCreated, "/products", product);
      return id as number;
    },
    /**
     * Places an order and waits until it is done; hands back its id. With a key: what was not answered in time is asked
     * again, and must not become a second order.
     */
    async order(productId: number): Promise<string> {
      const order = { productId, qty: 1 };
      const isPlaced = ({ status }: Answer) => status === 201;
      const { id } = await until("POST /orders", isPlaced, "/orders", order, randomUUID());
      const path = `/orders/${id as string}`;
      await until(`${path} done`, ({ data }) => data["status"] === "done", path);
      return id as string;
    },
    async read(path: string): Promise<Answer["data"]> {
      return until(`GET ${path}`, ({ status }) => status === 200, path);
    },
  };
}

const PAGE_TIMEOUT_MS = 10_000;
const QUEUE = "/api/queues/%2F/proof";
const MESSAGE = "still there";

/** RabbitMQ's management page, by its HTTP API: what a broker that keeps its data has to have after a restart. */
export function brokerPage(url: string, password: string) {
  async function ask(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
      headers: {
        authorization: `Basic ${Buffer.from(`shop:${password}`).toString("base64")}`,
        "content-type": "application/json",
      },
      signal: AbortSignal.timeout(PAGE_TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  return {
    async leaveMessage(): Promise<void> {
      await ask("PUT", QUEUE, { durable: true });
      await ask("POST", "/api/exchanges/%2F/amq.default/publish", {
        properties: { delivery_mode: 2 },
        routing_key: "proof",
        payload: MESSAGE,
        payload_encoding: "string",
      });
    },
    async expectMessage(): Promise<void> {
      const how = { count: 1, ackmode: "ack_requeue_false", encoding: "auto" };
      const messages = (await ask("POST", `${QUEUE}/get`, how)) as { payload: string }[];
      if (messages[0]?.payload !== MESSAGE) throw new Error("RabbitMQ has lost a message");
    },
  };
}
