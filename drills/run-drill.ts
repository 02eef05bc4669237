import { randomUUIDv7 } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";
import { unrest, violations } from "@shop/test-support/checker";
import { Ledger } from "@shop/test-support/ledger";
import { randomOf } from "@shop/test-support/random";
import { call } from "./clients.ts";
import type { Drill, Scene } from "./drill.ts";
import { firstSettledAfter, quantile, settling, type Settling } from "./figures.ts";
import { startLoad } from "./load.ts";
import type { DrillSystem } from "./system.ts";
import { availability, checkTheDoor, everythingHeard, unexpected } from "./verdict.ts";

const DEFAULT_RATE = 500;
const WARM_UP_MS = 2_000;
const AFTERMATH_MS = 3_000;
/** The sweeper's first wait, and all that an outage has left. */
const REST_LIMIT_MS = 120_000;
const LOOK_AGAIN_MS = 100;
const PRODUCTS = { plenty: 9, stock: 1_000_000, scarce: 300 };

export interface RunOptions {
  readonly seed: number;
  readonly instants: number;
  readonly time: number;
  readonly rate: number | undefined;
  readonly patience: number;
  readonly restLimitMs?: number;
  readonly signal: AbortSignal;
  readonly progress: (doing: string) => void;
}

export interface DrillResult {
  readonly drill: Drill;
  readonly seed: number;
  readonly rate: number;
  readonly violations: readonly string[];
  /** Of what this drill expects beside the checks. */
  readonly failed: readonly string[];
  readonly notes: readonly string[];
  readonly settling: Settling;
  /** Share of reads, and of wishes for an order, that ended well. */
  readonly answered: number;
  /** Milliseconds. */
  readonly answerP99: number;
  readonly firstSettled: number | undefined;
  readonly atRest: number;
}

export const passed = ({ violations: found, failed }: DrillResult): boolean =>
  found.length + failed.length === 0;

/** Load, fault, healing, quiet, check. */
export async function runDrill(
  drill: Drill,
  system: DrillSystem,
  options: RunOptions,
): Promise<DrillResult> {
  const { seed, signal, progress } = options;
  const random = randomOf(seed);
  const rate = drill.rate === 0 ? 0 : (options.rate ?? drill.rate ?? DEFAULT_RATE);
  const since = randomUUIDv7();
  const ledger = new Ledger(call);
  const productIds = await createProducts(system.gateway);
  const load = startLoad({
    gateway: system.gateway,
    ledger,
    ordersPerSecond: rate,
    productIds,
    random: randomOf(seed + 1),
    run: since,
  });
  const failed: string[] = [];
  const notes: string[] = [];
  let healedAt: Date | undefined;
  const pause = (ms: number): Promise<void> => rest(ms, undefined, { signal });
  const scene: Scene = {
    system,
    load,
    ledger,
    random,
    signal,
    rate,
    pause,
    instants: options.instants,
    lasting: (ms) => ms * options.time,
    expect: (holds, otherwise) => void (holds || failed.push(otherwise)),
    inTime: (what, tookMs, limitMs) => {
      const limit = limitMs * options.patience;
      if (tookMs > limit) failed.push(`${what}: ${Math.round(tookMs)} ms, and not within ${limit}`);
    },
    note: (text) => void notes.push(text),
    healed: () => (healedAt ??= new Date()),
  };
  const doing = { text: "warming up" };
  const ticking = setInterval(
    () => progress(`${doing.text}, ${ledger.accepted.length} orders accepted`),
    1_000,
  );
  try {
    if (rate > 0) await pause(WARM_UP_MS);
    doing.text = "the fault is on";
    await drill.run(scene).catch((error: Error) => {
      signal.throwIfAborted();
      failed.push(error.message);
    });
    scene.healed();
    doing.text = "healed";
    if (rate > 0) await pause(scene.lasting(AFTERMATH_MS));
    await load.stop();
    doing.text = "waiting for rest";
    const restLimitMs = options.restLimitMs ?? REST_LIMIT_MS;
    const atRest = await untilAtRest(system, restLimitMs, signal);
    if (atRest === undefined) failed.push(`not at rest: ${(await left(system)).join(", ")}`);
    await system.ready(signal).catch((error: Error) => void failed.push(error.message));
    signal.throwIfAborted();
    doing.text = "checking";
    const found = await violations(system.truth, ledger, since);
    const door = await checkTheDoor(drill, scene);
    failed.push(...unexpected(drill, scene));
    const waits = everythingHeard(scene).map(({ tookMs }) => tookMs);
    return {
      drill,
      seed,
      rate,
      failed,
      notes,
      violations: [...found, ...door],
      settling: await settling(system.truth.orders, since),
      answered: availability(scene),
      answerP99: quantile(waits, 0.99),
      firstSettled: await firstSettledAfter(system.truth.orders, since, healedAt!),
      atRest: atRest ?? restLimitMs,
    };
  } finally {
    clearInterval(ticking);
    await load.stop();
  }
}

async function createProducts(gateway: string): Promise<number[]> {
  const stocks = [
    PRODUCTS.scarce,
    ...Array.from({ length: PRODUCTS.plenty }, () => PRODUCTS.stock),
  ];
  const ids: number[] = [];
  for (const qty of stocks) {
    const { status, body } = await call(`${gateway}/products`, {
      body: { name: "Cup", price: 10, qty },
    });
    if (status !== 201) throw new Error(`a product could not be created: ${status}`);
    ids.push(body.data.id);
  }
  return ids;
}

const left = (system: DrillSystem): Promise<string[]> =>
  unrest(system.truth).catch((error: Error) => [error.message]);

/** How long it took; nothing when it never came. */
async function untilAtRest(
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
