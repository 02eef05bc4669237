import { differencesAtTheDoor } from "@shop/test-support/front-door";
import { Ledger, type Entry } from "@shop/test-support/ledger";
import { shuffle } from "@shop/test-support/random";
import type { Sql } from "@shop/test-support/sql";
import type { Drill, Scene } from "./drill.ts";
import { call, type Heard } from "./load.ts";

export interface Settling {
  readonly orders: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Above every id. */
const THE_END = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** How long orders took from their 201 to their outcome, in milliseconds. */
export async function settlingOf(
  orders: Sql,
  since: string,
  before: string = THE_END,
): Promise<Settling> {
  const [row] = await orders<Settling>(
    `SELECT count(*)::int AS orders, ${["0.5", "0.99", "1"].map(percentile).join(", ")}
     FROM (SELECT extract(epoch FROM updated_at - created_at) * 1000 AS ms FROM orders
           WHERE id >= $1 AND id < $2 AND status <> 'pending') AS settled`,
    [since, before],
  );
  return row!;
}

const NAMES: Record<string, string> = { "0.5": "p50", "0.99": "p99", "1": "max" };
const percentile = (share: string): string =>
  `coalesce(round(percentile_cont(${share}) WITHIN GROUP (ORDER BY ms)), 0)::int AS "${NAMES[share]}"`;

/** From that moment to the first outcome after it. */
export async function firstSettledAfter(
  orders: Sql,
  since: string,
  moment: Date,
): Promise<number | undefined> {
  const [row] = await orders<{ at: Date | null }>(
    "SELECT min(updated_at) AS at FROM orders WHERE id >= $1 AND status <> 'pending' AND updated_at > $2",
    [since, moment],
  );
  return row?.at ? row.at.getTime() - moment.getTime() : undefined;
}

const SUCCESS = new Set([200, 201]);

export const succeeded = ({ status }: Heard): boolean =>
  status !== undefined && SUCCESS.has(status);

const shareOf = (part: number, whole: number): number => (whole === 0 ? 1 : part / whole);

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

/** "POST /orders 503 ×12", for each kind. */
function tally(all: readonly Heard[]): string[] {
  const counts = new Map<string, number>();
  for (const { what, status } of all) {
    const kind = `${what} ${status ?? "no answer"}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${kind} ×${count}`);
}

const SAMPLE = { orders: 300, keys: 30 };
const LOOK_AGAIN_MS = 100;

/** (f), and (d) through the door: whoever asks again under a key hears of the very same order. */
export async function checkTheDoor(
  { system, load, ledger, random, pause }: Scene,
  cachesMayLagMs: number,
): Promise<string[]> {
  const some = shuffle(ledger.accepted, random);
  const sample = {
    orderIds: [...new Set(some.slice(0, SAMPLE.orders).map(({ order }) => order!.id))],
    productIds: load.productIds,
  };
  const look = () => differencesAtTheDoor(system.gateway, system.truth, sample);
  const until = performance.now() + cachesMayLagMs;
  let differences = await look();
  while (differences.length > 0 && performance.now() < until) {
    await pause(LOOK_AGAIN_MS);
    differences = await look();
  }
  const keyed = new Map(some.flatMap((entry) => (entry.key ? [[entry.key, entry] as const] : [])));
  const again = [...keyed.values()].slice(0, SAMPLE.keys);
  const replays = await Promise.all(again.map((entry) => replay(system.gateway, entry)));
  return [...differences, ...replays.flat()];
}

async function replay(gateway: string, { wish, key, order }: Entry): Promise<string[]> {
  const again = await new Ledger(call).place(gateway, wish, { key: key! });
  return again.order?.id === order!.id
    ? []
    : [`(d) ${key} gave ${order!.id}, and now ${again.order?.id ?? again.status}`];
}

interface AllHeard {
  readonly ledger: Pick<Ledger, "entries">;
  readonly load: { readonly heard: readonly Heard[]; readonly turnedAway?: number };
}

/** The orders as well as the rest. */
export function everythingHeard({ ledger, load }: AllHeard): Heard[] {
  const what = "POST /orders";
  const orders = ledger.entries.map(({ status, at, tookMs }) => ({ what, status, at, tookMs }));
  return [...orders, ...load.heard];
}

/** Who asks again under a key has one wish. */
export function availability({ ledger, load: { heard } }: Pick<Scene, "ledger" | "load">): number {
  const { entries, accepted } = ledger;
  const wishes = new Set(entries.map((entry) => entry.key ?? entry));
  const granted = new Set(accepted.map((entry) => entry.key ?? entry));
  return shareOf(granted.size + heard.filter(succeeded).length, wishes.size + heard.length);
}

/** Who asks again under a key may meet the first request still in flight: 409 is the contract's answer. */
const metItself = ({ what, status }: Heard): boolean => what === "POST /orders" && status === 409;

/** What overload is answered with: right from a machine that is too busy, and wrong from one that is not. */
const UNDER_PRESSURE = new Set<number | undefined>([429, 503, 504]);
/** Far beyond the gateway's deadline: it was the client who waited for its own turn so long, and gave up. */
const GAVE_UP_MS = 10_000;
/** Of all that is heard. A busy machine explains no more: what is refused beyond it is a promise that was not kept. */
const MOST_UNDER_PRESSURE = 0.1;

const isPressure = ({ status, tookMs }: Heard): boolean =>
  status === undefined ? tookMs >= GAVE_UP_MS : UNDER_PRESSURE.has(status);

const REFUSED_ORDER: Heard = { what: "POST /orders", status: 503, at: 0, tookMs: 0 };

interface Unexpected {
  readonly refused: readonly string[];
  readonly wrong: readonly string[];
}

/** Whatever clients met that the drill does not allow. */
export function unexpected(tolerates: Drill["tolerates"], heard: AllHeard): Unexpected {
  const all = everythingHeard(heard);
  const odd = all.filter((one) => !succeeded(one) && !metItself(one) && !tolerates(one));
  const pressure = odd.filter(isPressure);
  // Where orders may be refused, clients who ask again crowd out those who come.
  const turnedAway = tolerates(REFUSED_ORDER) ? 0 : (heard.load.turnedAway ?? 0);
  const notSent = turnedAway > 0 ? [`${turnedAway} were not sent: too many waited`] : [];
  const refused = [...kindsOf(pressure), ...notSent];
  const wrong = kindsOf(odd.filter((one) => !isPressure(one)));
  const isTooMuch = pressure.length + turnedAway > (all.length + turnedAway) * MOST_UNDER_PRESSURE;
  return isTooMuch ? { refused: [], wrong: [...wrong, ...refused] } : { refused, wrong };
}

const kindsOf = (all: readonly Heard[]): string[] => tally(all).map((kind) => `heard ${kind}`);

const BEFORE_MS = 5_000;
/** Answers to what was sent last. */
const LAST_ANSWERS_MS = 1_500;
/**
 * On two busy cores the p99 of some seconds of quiet is three times that of the next. Whoever is held up by the fault waits for its
 * end, and so for seconds.
 */
const LIMIT = { times: 3, plusMs: 250 };

/** While `fault` goes on, the answers that clients of these routes get are as fast as before. */
export async function othersHold(
  scene: Scene,
  what: RegExp,
  fault: () => Promise<void>,
): Promise<void> {
  const { pause, inTime, expect, note } = scene;
  const before = performance.now();
  await pause(BEFORE_MS);
  const from = performance.now();
  await fault();
  const to = performance.now();
  await pause(LAST_ANSWERS_MS);
  const heard = everythingHeard(scene).filter((one) => what.test(one.what));
  const waits = (start: number, end: number): number[] =>
    heard.filter(({ at }) => at >= start && at < end).map(({ tookMs }) => tookMs);
  const [then, meanwhile] = [waits(before, from), waits(from, to)];
  const [p99Before, p99] = [quantile(then, 0.99), quantile(meanwhile, 0.99)];
  note(`p99 of ${meanwhile.length} others ${p99} ms, before ${p99Before} ms`);
  expect(then.length > 0 && meanwhile.length > 0, "there were no others");
  inTime("p99 of others", p99, p99Before * LIMIT.times + LIMIT.plusMs);
}
