import { Agent, request } from "undici";

export interface Answer<T = any> {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly body: T;
}

export interface Call {
  readonly method?: string;
  /** Sent as JSON, or as it is when it is text or bytes. */
  readonly body?: unknown;
  readonly headers?: Record<string, string | string[]>;
}

/** Far beyond every deadline of the gateway's: who waits so long was forgotten. */
const ANSWER_LIMIT_MS = 20_000;

const CONNECTIONS = 200;

/** A client's request as it stands; nothing is followed, retried or thrown for its status. */
export type Ask = <T = any>(url: string, call?: Call) => Promise<Answer<T>>;

/** Clients with connections of their own, at most so many to one address: more requests wait for theirs. */
export function clients(connections: number): Ask {
  const agent = new Agent({
    connections,
    pipelining: 1,
    headersTimeout: ANSWER_LIMIT_MS,
    bodyTimeout: ANSWER_LIMIT_MS,
  });
  return (url, wanted) => ask(agent, url, wanted);
}

export const call: Ask = clients(CONNECTIONS);

async function ask<T>(
  agent: Agent,
  url: string,
  { method, body, headers }: Call = {},
): Promise<Answer<T>> {
  const raw = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
  const answer = await request(url, {
    dispatcher: agent,
    method: (method ?? (body === undefined ? "GET" : "POST")) as "GET",
    body: raw ? body : JSON.stringify(body),
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
  });
  const text = await answer.body.text();
  const isJson = String(answer.headers["content-type"]).includes("json");
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text,
    body: (isJson && text !== "" ? JSON.parse(text) : undefined) as T,
  };
}
