import { setTimeout as rest } from "node:timers/promises";
import { between } from "@shop/test-support/random";
import { BRIEFLY_AWAY, statuses, type Drill, type Scene } from "../drill.ts";
import type { Heard } from "../load.ts";
import { quantile, succeeded } from "../verdict.ts";
import { everythingHeard } from "../verdict.ts";

/** By itself, under the launcher: back and ready again. */
const BACK_WITHIN_MS = 5_000;
const BETWEEN_KILLS_MS = { least: 50, most: 2_500 };
/** A part of the kills hits a program that is just starting. */
const KILLED_AGAIN = { share: 0.25, afterMs: { least: 50, most: 900 } };
const LOOK_AGAIN_MS = 50;
const GIVE_UP_MS = 60_000;
/** Orders among which a new decision is looked for: more than any outage here leaves undecided. */
const NEWEST = 20_000;

type Victim = "product-service" | "order-service" | "gateway";

/** A moment, and how much clients had heard by then. */
interface Moment {
  readonly date: Date;
  readonly at: number;
  readonly orders: number;
  readonly others: number;
}

/**
 * Something that only the victim can have done after this moment: how many milliseconds after it. When the launcher's look at it
 * came through does not count: on a busy machine that is much later.
 */
type SignOfLife = (scene: Scene, since: Moment) => Promise<number | undefined>;

const anAnswerTo =
  (what: RegExp): SignOfLife =>
  ({ ledger, load }, since) => {
    const heard = everythingHeard({
      ledger: { entries: ledger.entries.slice(since.orders) },
      load: { heard: load.heard.slice(since.others) },
    });
    const isNew = (one: Heard) => one.at > since.at && what.test(one.what) && succeeded(one);
    const first = Math.min(...heard.filter(isNew).map(({ at, tookMs }) => at + tookMs));
    return Promise.resolve(first === Infinity ? undefined : first - since.at);
  };

const aDecision: SignOfLife = async ({ system }, { date }) => {
  const [row] = await system.truth.products<{ first: Date | null }>(
    `SELECT min(decided_at) AS first
     FROM (SELECT decided_at FROM stock_movements ORDER BY order_id DESC LIMIT $2) AS newest
     WHERE decided_at > $1`,
    [date, NEWEST],
  );
  return row?.first ? row.first.getTime() - date.getTime() : undefined;
};

const killDrill = (
  id: string,
  victim: Victim,
  lives: SignOfLife,
  tolerates: Drill["tolerates"],
): Drill => ({
  id,
  name: `kill-${victim}`,
  title: `kill -9 of ${victim} at random instants under load`,
  promise:
    "No order is lost and none applied twice, whatever program dies; it comes back by itself.",
  tolerates,
  // Who dies between its commit and its word to Redis leaves an old value there until its time is over.
  cachesMayLagMs: 5_500,
  async run(scene) {
    const { random, pause, instants } = scene;
    const backAfter: number[] = [];
    for (let strike = 0; strike < instants; strike += 1) {
      await pause(between(random, BETWEEN_KILLS_MS.least, BETWEEN_KILLS_MS.most));
      const again = random() < KILLED_AGAIN.share;
      const afterMs = between(random, KILLED_AGAIN.afterMs.least, KILLED_AGAIN.afterMs.most);
      // The first time the launcher sees it by itself. After that it would wait ever longer between its tries.
      const since =
        strike === 0
          ? killUnasked(scene, victim)
          : await killAndStart(scene, victim, again ? afterMs : undefined);
      backAfter.push(await untilAlive(scene, { victim, lives, since }));
    }
    const longest = Math.max(...backAfter);
    const median = quantile(backAfter, 0.5);
    scene.note(
      `${instants} kills, ready again after ${seconds(median)} (median), ${seconds(longest)} at most`,
    );
    scene.inTime("coming back to work", longest, BACK_WITHIN_MS);
  },
});

const now = ({ ledger, load }: Scene): Moment => ({
  date: new Date(),
  at: performance.now(),
  orders: ledger.entries.length,
  others: load.heard.length,
});

/** The moment is taken after the signal: what it had just begun is no sign of life. */
function killUnasked(scene: Scene, victim: Victim): Moment {
  process.kill(scene.system.part(victim).server.pid, "SIGKILL");
  return now(scene);
}

/** Hands back the moment of the last kill. */
async function killAndStart(
  scene: Scene,
  victim: Victim,
  againAfterMs: number | undefined,
): Promise<Moment> {
  const kept = scene.system.part(victim);
  await kept.server.kill();
  const first = now(scene);
  const started = kept.restart();
  if (againAfterMs === undefined) {
    await started;
    return first;
  }
  // It may fail while this rests.
  const ended = started.catch(() => undefined);
  await scene.pause(againAfterMs);
  await kept.server.kill();
  const second = now(scene);
  await ended;
  await kept.restart();
  return second;
}

async function untilAlive(
  scene: Scene,
  { victim, lives, since }: { victim: Victim; lives: SignOfLife; since: Moment },
): Promise<number> {
  for (;;) {
    const afterMs = await lives(scene, since);
    if (afterMs !== undefined) return afterMs;
    scene.signal.throwIfAborted();
    const waitedMs = performance.now() - since.at;
    if (waitedMs > GIVE_UP_MS) throw new Error(`${victim} does not come back`);
    await rest(LOOK_AGAIN_MS);
  }
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

const ofProducts = statuses(/ \/products/, BRIEFLY_AWAY);
const ofOrders = statuses(/ \/orders/, BRIEFLY_AWAY);

export const killDrills: readonly Drill[] = [
  killDrill("D1", "order-service", anAnswerTo(/^POST/), ofOrders),
  // Known products are ordered all the same.
  killDrill("D2", "product-service", aDecision, ofProducts),
  killDrill("D3", "gateway", anAnswerTo(/./), statuses(/./, [undefined])),
];
