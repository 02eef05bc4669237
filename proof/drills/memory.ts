import { readdirSync, readFileSync } from "node:fs";
import type { Scene } from "./drill.ts";
import { quantile } from "./verdict.ts";

const PAGE_BYTES = 4_096;
const MEGABYTE = 1_048_576;

/** Of one process, as the system sees it. Only Linux has these; elsewhere there is nothing to compare. */
export function memoryOf(pid: number): number | undefined {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return (pages * PAGE_BYTES) / MEGABYTE;
  } catch {
    return undefined;
  }
}

export function openFilesOf(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

const TICKS_PER_S = 100;
/** Counted from behind the name, which may have spaces in it. */
const START_FIELD = 19;

/** How long it has lived, in milliseconds. */
function ageOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const uptimeS = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    return (uptimeS - Number(fields[START_FIELD]) / TICKS_PER_S) * 1_000;
  } catch {
    return undefined;
  }
}

const METRICS_LIMIT_MS = 3_000;

/** What of V8's heap a service uses. Nothing when it does not answer. */
export async function heapOf(serviceUrl: string): Promise<number | undefined> {
  const signal = AbortSignal.timeout(METRICS_LIMIT_MS);
  const answer = await fetch(`${serviceUrl}/metrics`, { signal }).catch(() => undefined);
  const text = await answer?.text().catch(() => "");
  const bytes = /^nodejs_heap_size_used_bytes (\S+)/m.exec(text ?? "")?.[1];
  return bytes === undefined ? undefined : Number(bytes) / MEGABYTE;
}

const LOOK_EVERY_MS = 1_000;
/** Younger ones grow by themselves: code is compiled, pools fill up. */
const GROWN_UP_MS = 45_000;
/** Less than what would stay if orders that can't be published were kept, with row, event and frame: 500 a second for 20 s, of 4 kB each. */
const HEAP_GROWS_BY_MB = 32;
/** V8 takes memory from the system in large steps, also for requests that wait, and gives it back late. */
const PROCESS_GROWS_BY_MB = 96;
const SERVICES = ["order-service", "product-service"] as const;
const PROCESSES = [...SERVICES, "gateway", "rabbitmq"] as const;

export async function untilGrownUp({ system, pause }: Scene): Promise<void> {
  const ages = PROCESSES.map((name) => ageOf(system.part(name).server.pid) ?? GROWN_UP_MS);
  await pause(Math.max(0, GROWN_UP_MS - Math.min(...ages)));
}

interface Watch {
  readonly what: string;
  readonly may: number;
  readonly look: () => Promise<number | undefined>;
  /** Of the looks in one third of the time. */
  readonly summary: (all: readonly number[]) => number;
}

/** Looks at the memory of all parts until it is stopped; then none of them may have grown. */
export function watchMemory({ system, expect, note }: Scene): () => Promise<void> {
  const all: Watch[] = [
    ...PROCESSES.map((name) => ({
      what: name,
      may: PROCESS_GROWS_BY_MB,
      look: () => Promise.resolve(memoryOf(system.part(name).server.pid)),
      summary: (looks: readonly number[]) => quantile(looks, 0.5),
    })),
    ...SERVICES.map((name) => ({
      what: `heap of ${name}`,
      may: HEAP_GROWS_BY_MB,
      look: () => heapOf(system.url(name)),
      // The least is nearest to what no collection can take away.
      summary: (looks: readonly number[]) => quantile(looks, 0),
    })),
  ];
  const watched = all.map((watch) => ({ watch, seen: [] as number[] }));
  const lookOnce = async (): Promise<void> => {
    await Promise.all(
      watched.map(async ({ watch, seen }) => {
        const now = await watch.look();
        if (now !== undefined) seen.push(now);
      }),
    );
  };
  let looked = lookOnce();
  const looking = setInterval(() => {
    looked = looked.then(lookOnce);
  }, LOOK_EVERY_MS);
  return async () => {
    clearInterval(looking);
    await looked;
    const figures: string[] = [];
    for (const { watch, seen } of watched) {
      const third = Math.max(1, Math.floor(seen.length / 3));
      const [first, last] = [
        watch.summary(seen.slice(0, third)),
        watch.summary(seen.slice(-third)),
      ];
      figures.push(`${watch.what} ${first} → ${last}`);
      expect(last - first <= watch.may, `${watch.what} grew from ${first} to ${last} MB`);
    }
    note(
      `memory, first and last third: ${figures.join(", ")} MB (${PROCESS_GROWS_BY_MB} more allowed, ${HEAP_GROWS_BY_MB} of heap)`,
    );
  };
}
