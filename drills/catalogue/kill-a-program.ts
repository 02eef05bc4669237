import { setTimeout as rest } from "node:timers/promises";
import { between } from "@shop/test-support/random";
import { BRIEFLY_AWAY, statuses, type Drill, type Heard, type Scene } from "../drill.ts";
import { quantile, succeeded } from "../figures.ts";
import { everythingHeard } from "../verdict.ts";

/** By itself, under the launcher: back and at work again. */
const BACK_WITHIN_MS = 5_000;
const BETWEEN_KILLS_MS = { least: 50, most: 2_500 };
/** A part of the kills hits a program that is just starting. */
const KILLED_AGAIN = { share: 0.25, afterMs: { least: 50, most: 900 } };
const LOOK_AGAIN_MS = 50;

type Victim = "product-service" | "order-service" | "gateway";

/** A moment, and how much clients had heard by then. */
interface Moment {
  readonly date: Date;
  readonly at: number;
  readonly orders: number;
  readonly others: number;
}

/** Shows that the victim works again: something that only it can have done after this moment. */
type SignOfLife = (scene: Scene, since: Moment) => Promise<boolean>;

const anAnswerTo =
  (what: RegExp): SignOfLife =>
  ({ ledger, load }, since) => {
    const heard = everythingHeard({
      ledger: { entries: ledger.entries.slice(since.orders) },
      load: { heard: load.heard.slice(since.others) },
    });
    const isNew = (one: Heard) => one.at > since.at && what.test(one.what) && succeeded(one);
    return Promise.resolve(heard.some(isNew));
  };

const aDecision: SignOfLife = async ({ system }, { date }) => {
  const rows = await system.truth.products(
    "SELECT 1 FROM stock_movements WHERE decided_at > $1 ORDER BY order_id DESC LIMIT 1",
    [date],
  );
  return rows.length > 0;
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
    const { system, random, signal, pause } = scene;
    const kept = system.part(victim);
    const backAfter: number[] = [];
    for (let strike = 0; strike < scene.instants; strike += 1) {
      await pause(between(random, BETWEEN_KILLS_MS.least, BETWEEN_KILLS_MS.most));
      const again = random() < KILLED_AGAIN.share;
      const againAfterMs = between(random, KILLED_AGAIN.afterMs.least, KILLED_AGAIN.afterMs.most);
      const since = {
        date: new Date(),
        at: performance.now(),
        orders: scene.ledger.entries.length,
        others: scene.load.heard.length,
      };
      // The first time the launcher sees it by itself. After that it would wait ever longer between its tries.
      if (strike === 0) process.kill(kept.server.pid, "SIGKILL");
      else await kept.server.kill();
      const started = strike === 0 ? undefined : kept.restart();
      if (started && again) {
        await pause(againAfterMs);
        await kept.server.kill();
        await started.catch(() => undefined);
        await kept.restart();
      } else await started;
      while (!(await lives(scene, since))) {
        signal.throwIfAborted();
        if (performance.now() - since.at > 30_000) throw new Error(`${victim} does not come back`);
        await rest(LOOK_AGAIN_MS);
      }
      backAfter.push(performance.now() - since.at - (started && again ? againAfterMs : 0));
    }
    const longest = Math.max(...backAfter);
    const median = quantile(backAfter, 0.5);
    scene.note(
      `${scene.instants} kills, at work again after ${seconds(median)} (median), ${seconds(longest)} at most`,
    );
    scene.inTime("coming back to work", longest, BACK_WITHIN_MS);
  },
});

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

const ofProducts = statuses(/ \/products/, BRIEFLY_AWAY);
const ofOrders = statuses(/ \/orders/, BRIEFLY_AWAY);

export const killDrills: readonly Drill[] = [
  killDrill("D1", "order-service", anAnswerTo(/^POST/), ofOrders),
  // Known products are ordered all the same.
  killDrill("D2", "product-service", aDecision, ofProducts),
  killDrill("D3", "gateway", anAnswerTo(/./), statuses(/./, [undefined])),
];
