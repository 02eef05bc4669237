import type { Address } from "./connection.ts";

export interface LoadRequest {
  readonly path: string;
  /** Sent as JSON by POST; without it the request is a GET. */
  readonly body?: object;
}

export interface LoadJob {
  readonly address: Address;
  /** Sent in turn, over and over. */
  readonly requests: readonly LoadRequest[];
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  /** Sent at this rate whatever the answers do; without it each connection sends as soon as it has an answer. */
  readonly perSecond?: number;
}

export interface LoadResult {
  readonly sent: number;
  /** Answered with 2xx. */
  readonly ok: number;
  readonly failed: number;
  /** How often each status came; 0 is no answer. */
  readonly statuses: Readonly<Record<number, number>>;
  /** From the first request to the last answer. */
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** The very bytes, so that sending costs next to nothing. */
export function requestBytes({ address, headers }: LoadJob, { path, body }: LoadRequest): Buffer {
  const content = body === undefined ? "" : JSON.stringify(body);
  const lines = [
    `${body === undefined ? "GET" : "POST"} ${path} HTTP/1.1`,
    `Host: ${address.host}:${address.port}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  if (body !== undefined) {
    lines.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(content)}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${content}`);
}
