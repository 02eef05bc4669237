import { existsSync, writeFileSync } from "node:fs";
import { between } from "@shop/test-support/random";
import { BRIEFLY_AWAY, statuses, type Drill, type Scene } from "../drill.ts";
import { CRASH_ORDER } from "../own-system.ts";
import { CRASH_POINTS } from "../seams.ts";

const BETWEEN_MS = { least: 200, most: 1_500 };
const LOOK_AGAIN_MS = 20;
const DIES_WITHIN_MS = 15_000;
const VICTIMS = ["product-service", "order-service"] as const;

/** Messages that came again, and changed nothing: counted by the program since its last start. */
async function absorbedBy(program: string, { system }: Scene): Promise<number> {
  const text = await (await fetch(`${system.url(program)}/metrics`)).text();
  const lines = text.matchAll(
    /^(?:orders_decided_before_total|order_outcomes_repeated_total) (\d+)/gm,
  );
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function dieAt(scene: Scene, victim: string, point: string): Promise<void> {
  const { system, pause, signal } = scene;
  const kept = system.part(victim);
  const orders = CRASH_ORDER;
  const { pid } = kept.server;
  writeFileSync(orders, `${victim} ${point}`);
  const until = performance.now() + DIES_WITHIN_MS;
  while (existsSync(orders) || kept.server.pid === pid || !kept.server.isRunning()) {
    signal.throwIfAborted();
    if (performance.now() > until) throw new Error(`${victim} does not die ${point}`);
    // The launcher rests between its tries, and a drill does not.
    if (!existsSync(orders) && !kept.server.isRunning()) await kept.restart();
    await pause(LOOK_AGAIN_MS);
  }
}

export const dieInBetweenDrill: Drill = {
  id: "D4",
  name: "die-in-between",
  title: "services die between commit and ack, and between confirm and mark",
  promise: "What is published again by that is absorbed.",
  system: { changes: "can-crash" },
  rate: 200,
  tolerates: statuses(/./, BRIEFLY_AWAY),
  cachesMayLagMs: 5_500,
  async run(scene) {
    let again = 0;
    for (let strike = 0; strike < scene.instants; strike += 1) {
      await scene.pause(between(scene.random, BETWEEN_MS.least, BETWEEN_MS.most));
      const victim = VICTIMS[strike % 2]!;
      // Its count goes with it.
      again += await absorbedBy(victim, scene);
      await dieAt(scene, victim, CRASH_POINTS[Math.floor(strike / 2) % 2]!);
      await scene.system.ready(scene.signal);
    }
    for (const victim of VICTIMS) again += await absorbedBy(victim, scene);
    scene.note(`${scene.instants} deaths, ${again} messages came again and changed nothing`);
    scene.expect(again > 0, "no message came again");
  },
};
