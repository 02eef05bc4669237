const ANSWER_TIMEOUT_MS = 10_000;
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
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
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
