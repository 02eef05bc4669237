import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { WORK_QUEUES } from "@shop/contracts/topology";
import { connectBroker, type BrokerClient } from "@shop/test-support/broker-client";
import { unrest, type Truth } from "@shop/test-support/checker";
import { connectSql } from "@shop/test-support/sql";
import type { TcpProxy } from "@shop/test-support/tcp-proxy";
import type { KeptServer } from "local-stack/processes/keep-running";
import type { OwnSystem } from "local-stack/launcher/own-system";
import type { RabbitmqServer } from "local-stack/servers/rabbitmq";
import { waitUntil } from "local-stack/processes/wait-until";

const READY_LIMIT_MS = 60_000;
const HEALTH_LIMIT_MS = 3_000;

export type DrillSystem = ReturnType<typeof openSystem>;

/** What drills do to a system and see of it, from beside the programs. */
export function openSystem(own: OwnSystem, way?: TcpProxy) {
  const { running, logFolder } = own;
  const url = (name: string): string => own.url(name);
  const parts = () => [...running.servers, ...running.programs];
  const part = (name: string): KeptServer => {
    const found = parts().find(({ server }) => server.name === name);
    if (!found) throw new Error(`there is no ${name}`);
    return found;
  };
  /** A connection for each use: drills end the broker under everybody. */
  const broker = async <T>(work: (client: BrokerClient) => Promise<T>): Promise<T> => {
    const client = await connectBroker(url("rabbitmq"));
    try {
      return await work(client);
    } finally {
      await client.close().catch(() => undefined);
    }
  };
  const truth: Truth = {
    products: connectSql(url("product-db")),
    orders: connectSql(url("order-db")),
    broker: { depth: (queue) => broker((client) => client.depth(queue)) },
  };

  return {
    gateway: url("gateway"),
    url,
    part,
    /** All instances of a program. */
    instances: (program: string): KeptServer[] =>
      running.programs.filter(({ server }) => server.name.replace(/-\d+$/, "") === program),
    programs: running.programs,
    broker,
    truth,
    logFolder,
    /** The proxy that the drill's needs name. */
    get way(): TcpProxy {
      if (!way) throw new Error("this system has no proxy");
      return way;
    },
    /** What a service says of the things that it needs. */
    checks: async (service: string): Promise<Readonly<Record<string, string>>> => {
      const signal = AbortSignal.timeout(HEALTH_LIMIT_MS);
      const answer = await fetch(`${url(service)}/health/ready`, { signal });
      return ((await answer.json()) as Health).checks ?? {};
    },
    rabbitmqctl: (...args: string[]): Promise<string> =>
      (part("rabbitmq").server as RabbitmqServer).control(args),
    /** Who runs, to see whether any of them was ended. */
    pids: (): string => running.programs.map(({ server }) => server.pid).join(),
    ready: async (signal: AbortSignal): Promise<void> => {
      let complaints: string[] = [];
      const allWell = async (): Promise<boolean> => {
        const states = await Promise.all(
          running.programs.map(async ({ server }) => [server.name, await stateOf(server.url)]),
        );
        complaints = states.filter(([, state]) => state !== "ok").map((one) => one.join(" "));
        return complaints.length === 0;
      };
      const wait = { what: "the system is well again", timeoutMs: READY_LIMIT_MS, signal };
      await waitUntil(allWell, wait).catch((error: Error) => {
        throw new Error(`${error.message}: ${complaints.join(", ")}`, { cause: error });
      });
    },
    queueDepths: (): Promise<number[]> =>
      Promise.all(WORK_QUEUES.map(({ name }) => truth.broker.depth(name))),
    deadDepths: (): Promise<number[]> =>
      Promise.all(WORK_QUEUES.map(({ deadQueue }) => truth.broker.depth(deadQueue))),
    close: async (): Promise<void> => {
      await Promise.all([truth.products.end(), truth.orders.end()]);
    },
  };
}

/** Services say `ok` when their servers and consumers are there, the gateway when its services are. */
async function stateOf(url: string): Promise<string> {
  for (const path of ["/health/ready", "/health"]) {
    const startedAt = performance.now();
    const signal = AbortSignal.timeout(HEALTH_LIMIT_MS);
    try {
      const answer = await fetch(`${url}${path}`, { signal });
      if (answer.status === 404) continue;
      const text = await answer.text();
      const { data, status } = JSON.parse(text) as Health;
      return (data?.status ?? status) === "ok" ? "ok" : `says ${answer.status} ${text}`;
    } catch (error) {
      const reason = (error as Error).cause ?? error;
      return `gave no answer (${(reason as Error).message}, ${Math.round(performance.now() - startedAt)} ms)`;
    }
  }
  return "has no health";
}

interface Health {
  readonly status?: string;
  readonly checks?: Readonly<Record<string, string>>;
  readonly data?: { readonly status: string };
}

const LOOK_AGAIN_MS = 100;

export const left = (system: DrillSystem): Promise<string[]> =>
  unrest(system.truth).catch((error: Error) => [error.message]);

/** How long it took until nothing was left to do; nothing when that never came. */
export async function untilAtRest(
  system: DrillSystem,
  limitMs: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < limitMs) {
    if ((await left(system)).length === 0) return performance.now() - startedAt;
    await rest(LOOK_AGAIN_MS, undefined, { signal });
  }
  return undefined;
}

/** A full file is put aside under this. */
const EARLIER = ".1";

export type LogLine = Readonly<Record<string, unknown>>;

/** All that a program has logged; a line that is no JSON object is handed to `onBroken`. */
export function readLog(
  { logFolder }: DrillSystem,
  program: string,
  onBroken: (line: string) => void,
): LogLine[] {
  const file = join(logFolder, `${program}.log`);
  const text = [file + EARLIER, file]
    .map((path) => (existsSync(path) ? readFileSync(path, "utf8") : ""))
    .join("");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        onBroken(line);
        return [];
      }
    });
}
