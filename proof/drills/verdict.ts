import { differencesAtTheDoor } from "@shop/test-support/front-door";
import { Ledger, type Entry } from "@shop/test-support/ledger";
import { shuffle } from "@shop/test-support/random";
import { call } from "./clients.ts";
import type { Drill, Heard, Scene } from "./drill.ts";
import { shareOf, succeeded, tally } from "./figures.ts";

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

interface Told {
  readonly ledger: Pick<Ledger, "entries">;
  readonly load: { readonly heard: readonly Heard[]; readonly turnedAway?: number };
}

/** The orders as well as the rest. */
export function everythingHeard({ ledger, load }: Told): Heard[] {
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

/** Who asks again under a key may meet the first request still at work: 409 is the contract's answer. */
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
export function unexpected(tolerates: Drill["tolerates"], told: Told): Unexpected {
  const all = everythingHeard(told);
  const odd = all.filter((one) => !succeeded(one) && !metItself(one) && !tolerates(one));
  const pressure = odd.filter(isPressure);
  // Where orders may be refused, clients who ask again crowd out those who come.
  const turnedAway = tolerates(REFUSED_ORDER) ? 0 : (told.load.turnedAway ?? 0);
  const notSent = turnedAway > 0 ? [`${turnedAway} were not sent: too many waited`] : [];
  const refused = [...heard(pressure), ...notSent];
  const wrong = heard(odd.filter((one) => !isPressure(one)));
  const isTooMuch = pressure.length + turnedAway > (all.length + turnedAway) * MOST_UNDER_PRESSURE;
  return isTooMuch ? { refused: [], wrong: [...wrong, ...refused] } : { refused, wrong };
}

const heard = (all: readonly Heard[]): string[] => tally(all).map((kind) => `heard ${kind}`);
