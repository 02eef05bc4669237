import { connectRedis } from "@shop/test-support/redis-client";
import type { Sql } from "@shop/test-support/sql";
import { heapOf, memoryOf, openFilesOf } from "./memory.ts";
import type { DrillSystem } from "./system.ts";
import { quantile } from "./verdict.ts";

const MEGABYTE = 1_048_576;

/** Up to `factor` times as much and `by` more is noise of collectors, pools and caches. */
interface Bound {
  readonly factor: number;
  readonly by: number;
}

interface Watched {
  readonly name: string;
  /** A bound, or why it grows by design. */
  readonly bound: Bound | string;
  /** Nothing when it can't be read just then. */
  read(system: DrillSystem): Promise<number | undefined> | number | undefined;
}

const SERVICES = ["product-service", "order-service"] as const;
const DATABASES = ["products", "orders"] as const;
const REDIS = ["product-redis", "order-redis"] as const;
const PROGRAMS = [...SERVICES, "gateway"] as const;

const HEAP: Bound = { factor: 1.25, by: 32 };
/** V8 takes memory from the system in large steps and gives it back late. */
const MEMORY: Bound = { factor: 1.25, by: 32 };
/** A broker keeps up to 64 MB of its log (`raft.wal_max_size_bytes`) in memory, and as much while it turns it over. */
const BROKER_MEMORY: Bound = { factor: 1.25, by: 128 };
const FILES: Bound = { factor: 1.25, by: 100 };
const SESSIONS: Bound = { factor: 1, by: 20 };
const CACHED: Bound = { factor: 1.5, by: 50 };
/** What waits is at most what comes in a second. */
const waiting = (ordersPerSecond: number): Bound => ({ factor: 1, by: ordersPerSecond });

const pidOf = (system: DrillSystem, name: string): number => system.part(name).server.pid;

const counted = async (sql: Sql, text: string): Promise<number> =>
  (await sql<{ count: number }>(`SELECT count(*)::int AS count FROM ${text}`))[0]!.count;

type Redis = Awaited<ReturnType<typeof connectRedis>>;

async function inRedis(
  system: DrillSystem,
  name: string,
  look: (redis: Redis) => Promise<number>,
): Promise<number> {
  const redis = await connectRedis(system.url(name));
  try {
    return await look(redis);
  } finally {
    redis.destroy();
  }
}

const usedMemory = async (redis: Redis): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await redis.info("memory"))![1]) / MEGABYTE;

/** What lives for days must not grow: memory, files, rows that wait, messages, sessions, caches. */
const whatIsWatched = (ordersPerSecond: number): readonly Watched[] => [
  ...PROGRAMS.map((name) => ({
    name: `memory of ${name}, MB`,
    bound: MEMORY,
    read: (system: DrillSystem) => memoryOf(pidOf(system, name)),
  })),
  ...SERVICES.map((name) => ({
    name: `V8 heap of ${name}, MB`,
    bound: HEAP,
    read: (system: DrillSystem) => heapOf(system.url(name)),
  })),
  {
    name: "memory of rabbitmq, MB",
    bound: BROKER_MEMORY,
    read: (system) => memoryOf(pidOf(system, "rabbitmq")),
  },
  ...[...PROGRAMS, "rabbitmq"].map((name) => ({
    name: `open files and sockets of ${name}`,
    bound: FILES,
    read: (system: DrillSystem) => openFilesOf(pidOf(system, name)),
  })),
  ...DATABASES.flatMap((name): Watched[] => [
    {
      name: `sessions of the database of ${name}`,
      bound: SESSIONS,
      read: ({ truth }) =>
        counted(truth[name], "pg_stat_activity WHERE backend_type = 'client backend'"),
    },
    {
      name: `rows in the outbox of ${name}`,
      bound: waiting(ordersPerSecond),
      read: ({ truth }) => counted(truth[name], "outbox"),
    },
  ]),
  {
    name: "messages in the work queues",
    bound: waiting(ordersPerSecond),
    read: async (system) => sumOf(await system.queueDepths()),
  },
  {
    name: "messages in the dead queues",
    bound: { factor: 1, by: 0 },
    read: async (system) => sumOf(await system.deadDepths()),
  },
  ...REDIS.flatMap((name): Watched[] => [
    {
      name: `keys in ${name}`,
      bound: CACHED,
      read: (system) => inRedis(system, name, (redis) => redis.dbSize()),
    },
    {
      name: `memory of ${name}, MB`,
      bound: { factor: 1.25, by: 10 },
      read: (system) => inRedis(system, name, usedMemory),
    },
  ]),
  {
    name: "orders",
    bound: "facts, never deleted",
    read: ({ truth }) => counted(truth.orders, "orders"),
  },
  {
    name: "stock movements",
    bound: "one for each order, never deleted",
    read: ({ truth }) => counted(truth.products, "stock_movements"),
  },
  {
    name: "stock adjustments",
    bound: "one for each change of a stock, never deleted",
    read: ({ truth }) => counted(truth.products, "stock_adjustments"),
  },
  {
    name: "idempotency keys",
    bound: "kept for 25 hours, then pruned",
    read: ({ truth }) => counted(truth.orders, "idempotency_keys"),
  },
];

const sumOf = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0);

const MINUTE_MS = 60_000;

export interface GrowthRow {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly most: number;
  readonly bound: string;
  readonly verdict: string;
  readonly fails: boolean;
}

/** A sample a minute, and a comparison of the first third with the last. */
export function createGrowthTable(ordersPerSecond: number) {
  const watched = whatIsWatched(ordersPerSecond);
  const samples = new Map<Watched, number[]>(watched.map((one) => [one, []]));
  let lastAt = performance.now();
  let taken = 0;

  return {
    /** The first comes after a minute too: everything was cold before. */
    isDue: (): boolean => performance.now() - lastAt >= MINUTE_MS,
    async take(system: DrillSystem): Promise<void> {
      lastAt = performance.now();
      taken += 1;
      for (const one of watched) {
        const value = await Promise.resolve()
          .then(() => one.read(system))
          .catch(() => undefined);
        if (value !== undefined) samples.get(one)!.push(value);
      }
    },
    get taken() {
      return taken;
    },
    rows: (): GrowthRow[] => watched.map((one) => rowOf(one, samples.get(one)!, taken)),
  };
}

/** Fewer show nothing: a median of two is whatever a collector did last. */
const ENOUGH = 6;

function rowOf({ name, bound }: Watched, all: readonly number[], taken: number): GrowthRow {
  const third = Math.max(1, Math.floor(all.length / 3));
  const first = quantile(all.slice(0, third), 0.5);
  const last = quantile(all.slice(-third), 0.5);
  const figures = { name, first, last, most: Math.round(Math.max(0, ...all)) };
  if (typeof bound === "string")
    return { ...figures, bound: "–", verdict: `by design: ${bound}`, fails: false };
  const limit = Math.round(first * bound.factor + bound.by);
  const row = { ...figures, bound: wordsOf(bound, limit) };
  if (taken < ENOUGH) return { ...row, verdict: "too few samples", fails: false };
  if (all.length === 0 && process.platform !== "linux")
    return { ...row, verdict: "this system does not say", fails: false };
  if (all.length < taken / 2) return { ...row, verdict: "NOT READ", fails: true };
  return last > limit
    ? { ...row, verdict: "GROWS", fails: true }
    : { ...row, verdict: "flat", fails: false };
}

const wordsOf = ({ factor, by }: Bound, limit: number): string =>
  `${limit} (${factor === 1 ? "" : `× ${factor} `}+ ${by})`;
