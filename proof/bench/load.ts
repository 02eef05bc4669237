import { setTimeout as pause } from "node:timers/promises";
import { Client, type Dispatcher } from "undici";
import { createLatencies } from "./latencies.ts";

export interface LoadRequest {
  readonly path: string;
  /** Sent as JSON by POST; without it the request is a GET. */
  readonly body?: object;
}

export interface LoadJob {
  /** Of the server, without a path. */
  readonly url: string;
  /** Sent in turn, over and over. */
  readonly requests: readonly LoadRequest[];
  readonly headers?: Readonly<Record<string, string>>;
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

/** The status of a request that got no answer. */
export const NO_ANSWER = 0;

export type PreparedRequest = Dispatcher.DispatchOptions;

export const prepare = (
  { path, body }: LoadRequest,
  headers: Readonly<Record<string, string>> = {},
): PreparedRequest =>
  body === undefined
    ? { method: "GET", path, headers }
    : {
        method: "POST",
        path,
        body: JSON.stringify(body),
        headers: { ...headers, "content-type": "application/json" },
      };

export interface Connection {
  /** One request at a time; the next may be sent when this one is `done`. */
  send(request: PreparedRequest, done: (status: number) => void): void;
  end(): void;
}

/** Kept alive; opened when it is needed, and again after the server has closed it. */
export function keepConnection(url: string): Connection {
  const client = new Client(url, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  return {
    send: (request, done) => {
      let status = NO_ANSWER;
      client.dispatch(request, {
        onRequestStart: () => undefined,
        onResponseStart: (_, code) => void (status = code),
        onResponseData: () => undefined,
        onResponseEnd: () => done(status),
        onResponseError: () => done(NO_ANSWER),
      });
    },
    end: () => void client.destroy().catch(() => undefined),
  };
}

/** So that a server that is gone is not asked again at once. */
const AFTER_NO_ANSWER_MS = 20;

/** Each connection sends its next request as soon as it has the answer to its last: the server is always busy. */
export async function closedLoop(job: LoadJob): Promise<LoadResult> {
  const requests = job.requests.map((request) => prepare(request, job.headers));
  const tally = createTally();
  const startedAt = performance.now();
  const endAt = startedAt + job.seconds * 1_000;
  let sent = 0;
  const keepBusy = (connection: Connection): Promise<void> =>
    new Promise((resolve) => {
      const next = (): void => {
        const sentAt = performance.now();
        if (sentAt >= endAt) {
          connection.end();
          return resolve();
        }
        const request = requests[sent % requests.length]!;
        sent += 1;
        connection.send(request, (status) => {
          tally.add(status, performance.now() - sentAt);
          if (status === NO_ANSWER) setTimeout(next, AFTER_NO_ANSWER_MS);
          else next();
        });
      };
      next();
    });
  const all = Array.from({ length: job.connections }, () => keepBusy(keepConnection(job.url)));
  await Promise.all(all);
  return tally.result(sent, (performance.now() - startedAt) / 1_000);
}

const TICK_MS = 1;
/** What has no answer by then has failed. */
const LAST_ANSWERS_MS = 15_000;

/**
 * A fixed rate, evenly spread. A latency counts from the moment at which the request should have gone out, also when it had to
 * wait for a free connection: a server that stalls can't hide the requests that came meanwhile.
 */
export async function openLoop(job: LoadJob, perSecond: number): Promise<LoadResult> {
  const requests = job.requests.map((request) => prepare(request, job.headers));
  const total = Math.round(perSecond * job.seconds);
  const tally = createTally();
  const all = Array.from({ length: job.connections }, () => keepConnection(job.url));
  const idle = [...all];
  const startedAt = performance.now();
  let sent = 0;
  let lastAnswerAt = startedAt;
  const sendWhatIsDue = (): void => {
    const elapsedMs = performance.now() - startedAt;
    const due = Math.min(total, Math.floor((elapsedMs * perSecond) / 1_000) + 1);
    while (sent < due) {
      const connection = idle.pop();
      if (connection === undefined) return;
      const dueAt = startedAt + (sent * 1_000) / perSecond;
      const request = requests[sent % requests.length]!;
      sent += 1;
      connection.send(request, (status) => {
        lastAnswerAt = performance.now();
        tally.add(status, lastAnswerAt - dueAt);
        idle.push(connection);
        sendWhatIsDue();
      });
    }
  };
  const giveUpAt = startedAt + job.seconds * 1_000 + LAST_ANSWERS_MS;
  while (tally.answered < total && performance.now() < giveUpAt) {
    sendWhatIsDue();
    await pause(TICK_MS);
  }
  const result = tally.result(total, (lastAnswerAt - startedAt) / 1_000);
  for (const connection of all) connection.end();
  return result;
}

function createTally() {
  const latencies = createLatencies();
  const statuses: Record<number, number> = {};
  let answered = 0;
  let ok = 0;
  return {
    add: (status: number, latencyMs: number): void => {
      answered += 1;
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status < 200 || status > 299) return;
      ok += 1;
      latencies.add(latencyMs);
    },
    get answered() {
      return answered;
    },
    result: (sent: number, seconds: number): LoadResult => ({
      sent,
      ok,
      failed: sent - ok,
      statuses,
      seconds,
      p50Ms: latencies.quantile(0.5),
      p95Ms: latencies.quantile(0.95),
      p99Ms: latencies.quantile(0.99),
    }),
  };
}
