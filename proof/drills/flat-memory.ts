import type { Scene } from "./drill.ts";
import { quantile } from "./figures.ts";
import { ageOf, heapOf, memoryOf } from "./process-figures.ts";

const LOOK_EVERY_MS = 1_000;
/** Younger ones grow by themselves: code is compiled, pools fill up. */
const GROWN_UP_MS = 45_000;
/** Less than what would stay if orders that can't be told were kept, with row, event and frame: 500 a second for 20 s, of 4 kB each. */
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
  readonly told: (all: readonly number[]) => number;
}

/** Looks at the memory of all parts until it is told to stop; then none of them may have grown. */
export function watchMemory({ system, expect, note }: Scene): () => Promise<void> {
  const all: Watch[] = [
    ...PROCESSES.map((name) => ({
      what: name,
      may: PROCESS_GROWS_BY_MB,
      look: () => Promise.resolve(memoryOf(system.part(name).server.pid)),
      told: (looks: readonly number[]) => quantile(looks, 0.5),
    })),
    ...SERVICES.map((name) => ({
      what: `heap of ${name}`,
      may: HEAP_GROWS_BY_MB,
      look: () => heapOf(system.url(name)),
      // The least is nearest to what no collection can take away.
      told: (looks: readonly number[]) => quantile(looks, 0),
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
      const [first, last] = [watch.told(seen.slice(0, third)), watch.told(seen.slice(-third))];
      figures.push(`${watch.what} ${first} → ${last}`);
      expect(last - first <= watch.may, `${watch.what} grew from ${first} to ${last} MB`);
    }
    note(
      `memory, first and last third: ${figures.join(", ")} MB (${PROCESS_GROWS_BY_MB} more allowed, ${HEAP_GROWS_BY_MB} of heap)`,
    );
  };
}
