import { WORK_QUEUES } from "@shop/contracts/topology";
import { connectBroker, type BrokerClient } from "@shop/test-support/broker-client";
import type { Truth } from "@shop/test-support/checker";
import { connectSql } from "@shop/test-support/sql";
import type { TcpProxy } from "@shop/test-support/tcp-proxy";
import type { KeptServer } from "local-stack/keep-running";
import type { OwnSystem } from "local-stack/own-system";
import type { RabbitmqServer } from "local-stack/rabbitmq";
import { waitUntil } from "local-stack/wait-until";

const READY_LIMIT_MS = 60_000;
const HEALTH_LIMIT_MS = 3_000;

export type DrillSystem = ReturnType<typeof openSystem>;

/** What drills do to a system and see of it, from beside the programs. */
export function openSystem(own: OwnSystem, wayToOrders?: TcpProxy) {
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
    get wayToOrders(): TcpProxy {
      if (!wayToOrders) throw new Error("the gateway asks order-service without a proxy");
      return wayToOrders;
    },
    rabbitmqctl: (...args: string[]): Promise<string> =>
      (part("rabbitmq").server as RabbitmqServer).control(args),
    /** Who runs, to see whether any of them was ended. */
    pids: (): string => running.programs.map(({ server }) => server.pid).join(),
    ready: (signal: AbortSignal): Promise<void> =>
      waitUntil(
        async () =>
          (await Promise.all(running.programs.map(({ server }) => isWell(server.url)))).every(
            Boolean,
          ),
        { what: "the system is well again", timeoutMs: READY_LIMIT_MS, signal },
      ),
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
async function isWell(url: string): Promise<boolean> {
  for (const path of ["/health/ready", "/health"]) {
    const signal = AbortSignal.timeout(HEALTH_LIMIT_MS);
    const answer = await fetch(`${url}${path}`, { signal }).catch(() => undefined);
    if (answer?.status === 404) continue;
    const body = (await answer?.json().catch(() => undefined)) as Health | undefined;
    return (body?.data?.status ?? body?.status) === "ok";
  }
  return false;
}

interface Health {
  readonly status?: string;
  readonly data?: { readonly status: string };
}
