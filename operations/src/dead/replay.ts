import type { WorkQueue } from "@shop/contracts/topology";
import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import type { ConsumeMessage } from "amqplib";
import { say } from "local-stack/terminal/say";
import { counted } from "../words.ts";
import type { Choice } from "./choice.ts";
import { goThrough } from "./go-through.ts";
import { openWay, revive, timesReplayed } from "./put-on-queue.ts";

/**
 * Puts messages back on the work queue that they died from. The dead one goes only when the broker has the living one: killed in
 * between, there are both, and consumers apply a message once however often it comes.
 */
export async function replayDead(
  session: BrokerSession,
  queues: readonly WorkQueue[],
  { choice, stop }: { choice: Choice; stop: AbortSignal },
): Promise<number> {
  const way = await openWay(session);
  for (const queue of queues) {
    const done = { put: 0, again: 0, most: 0 };
    const putBack = async (window: readonly ConsumeMessage[]) => {
      const chosen = choice.take(window);
      await way.put(queue.name, chosen.map(revive));
      const before = chosen.map(timesReplayed).filter((times) => times > 0);
      done.put += chosen.length;
      done.again += before.length;
      done.most = Math.max(done.most, ...before);
      return { settled: chosen };
    };
    try {
      await goThrough(session, {
        queue: queue.deadQueue,
        most: Infinity,
        stop,
        work: putBack,
      });
    } finally {
      // Also when the broker has gone away in the middle.
      tell(queue, done);
    }
  }
  return choice.tellMissing();
}

function tell({ name }: WorkQueue, done: { put: number; again: number; most: number }): void {
  if (done.put === 0) return;
  say(`${counted(done.put, "message")} put back on ${name}.`);
  if (done.again === 0) return;
  say(
    `  ${done.again} of them had been put back before (one ${counted(done.most, "time")}), and had died again.` +
      " If they die once more, what is wrong is still wrong: npm run dead-letters -- show ID.",
  );
}
