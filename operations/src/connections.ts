import { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import { Client } from "pg";

const CONNECT_LIMIT_MS = 3_000;
const STATEMENT_LIMIT_MS = 10_000;

/** What a part of the shop answered, or why it could not be asked. */
export type Asked<T> = { readonly answer: T } | { readonly failure: string };

export async function ask<T>(question: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { answer: await question() };
  } catch (error) {
    return { failure: describe(error) };
  }
}

export const answerOf = <T>(asked: Asked<T>): T | undefined =>
  "answer" in asked ? asked.answer : undefined;

/** Works on a connection of its own, on which nothing can be changed. */
export async function askDatabase<T>(
  url: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    connectionString: url,
    application_name: "operations",
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: STATEMENT_LIMIT_MS,
    query_timeout: STATEMENT_LIMIT_MS + CONNECT_LIMIT_MS,
    options: "-c default_transaction_read_only=on",
  });
  // The pending query fails as well; without a listener it would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Works on a connection of its own, which ends with the work. */
export async function withBroker<T>(
  url: string,
  work: (session: BrokerSession) => Promise<T>,
): Promise<T> {
  const session = await BrokerSession.open(url, "operations", new AbortController().signal);
  try {
    return await orEnd(session, work(session));
  } finally {
    await session.close();
  }
}

/** Fails with the session: the broker says why it closes a connection, and leaves calls on it unanswered. */
export function orEnd<T>(session: BrokerSession, work: Promise<T>): Promise<T> {
  const lost = session.ended.then((reason) => Promise.reject(reason));
  return Promise.race([work, lost]);
}

export interface QueueState {
  readonly messages: number;
  readonly consumers: number;
}

export async function queueState(session: BrokerSession, queue: string): Promise<QueueState> {
  let state: QueueState | undefined;
  await session.inChannel(async (channel) => {
    const { messageCount, consumerCount } = await session.answered(channel.checkQueue(queue));
    state = { messages: messageCount, consumers: consumerCount };
  });
  return state!;
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "there is no such host",
  ECONNRESET: "it has cut the connection",
  ETIMEDOUT: "it does not answer",
  "28P01": "it does not take this password",
  "3D000": "there is no such database",
  "42P01": "its tables are missing: has its service ever been started?",
  "57014": "it took too long to answer",
};

/** When a host has several addresses each has its own error, and the whole has no message. */
function describe(error: unknown): string {
  const { code, message, errors } = error as Error & { code?: unknown; errors?: readonly Error[] };
  const known = typeof code === "string" ? DESCRIPTIONS[code] : undefined;
  return known ?? (message || errors?.[0]?.message || String(code)).replace(/\.$/, "");
}
