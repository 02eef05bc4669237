import { isUtf8 } from "node:buffer";
import type { WorkQueue } from "@shop/contracts/topology";
import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import type { ConsumeMessage } from "amqplib";
import { say } from "local-stack/terminal/say";
import { harmless } from "../words.ts";
import { goThrough } from "./go-through.ts";
import { letterId, readLetter } from "./letter.ts";
import { lineOf } from "./list.ts";

const BODY_SHOWN_BYTES = 2_000;

/** All that is known of one message. Exit code 1 when it is nowhere. */
export async function showDead(
  session: BrokerSession,
  queues: readonly WorkQueue[],
  { id, full, stop }: { id: string; full: boolean; stop: AbortSignal },
): Promise<number> {
  for (const queue of queues) {
    let found: ConsumeMessage | undefined;
    await goThrough(session, {
      queue: queue.deadQueue,
      most: Infinity,
      stop,
      work: async (window) => {
        found = window.find((message) => letterId(message) === id);
        return { settled: [], enough: found !== undefined };
      },
    });
    if (found) {
      tell(found, queue, full);
      return 0;
    }
  }
  say(
    `No dead queue has a message ${harmless(id)}. npm run dead-letters -- list shows what there is.`,
  );
  return 1;
}

function tell(message: ConsumeMessage, queue: WorkQueue, full: boolean): void {
  const { headers, ...properties } = message.properties;
  say(queue.deadQueue);
  say(lineOf(readLetter(message, queue), Date.now()));
  say(`headers ${harmless(JSON.stringify(headers ?? {}, null, 2))}`);
  say(`properties ${harmless(JSON.stringify(properties, null, 2))}`);
  const { content } = message;
  const shown = full ? content : content.subarray(0, BODY_SHOWN_BYTES);
  // Cut in the middle of a character it would not be UTF-8 any more.
  const text = isUtf8(content) ? shown.toString() : `(base64) ${shown.toString("base64")}`;
  say(`body, ${content.length} bytes:\n${harmless(text)}`);
  if (shown.length < content.length) say(`… (--full shows all of it)`);
}
