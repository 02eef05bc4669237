import { mkdir, open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { WorkQueue } from "@shop/contracts/topology";
import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import type { ConsumeMessage } from "amqplib";
import { say } from "local-stack/terminal/say";
import { counted } from "../words.ts";
import type { Choice } from "./choice.ts";
import { goThrough } from "./go-through.ts";
import { letterId } from "./letter.ts";

/** Takes messages out of the dead queues. Each is in a file, on disk, before it goes. */
export async function discardDead(
  session: BrokerSession,
  queues: readonly WorkQueue[],
  { choice, folder, stop }: { choice: Choice; folder: string; stop: AbortSignal },
): Promise<number> {
  const path = join(folder, `${new Date().toISOString().replaceAll(":", "-")}.jsonl`);
  let file: FileHandle | undefined;
  let count = 0;
  try {
    for (const queue of queues) {
      await goThrough(session, {
        queue: queue.deadQueue,
        most: Infinity,
        stop,
        work: async (window) => {
          const chosen = choice.take(window);
          if (chosen.length === 0) return { settled: [] };
          file ??= await create(folder, path);
          await file.appendFile(chosen.map((one) => recordOf(one, queue)).join(""));
          await file.sync();
          count += chosen.length;
          return { settled: chosen };
        },
      });
    }
  } catch (error) {
    if (file)
      say(
        `Broken off: ${counted(count, "message")} are in ${path}; some may be in their queue as well.`,
      );
    throw error;
  } finally {
    await file?.close();
  }
  say(
    file ? `${counted(count, "message")} discarded. They are kept in ${path}` : "None discarded.",
  );
  return choice.tellMissing();
}

/** Whatever was in orders is in it. */
async function create(folder: string, path: string): Promise<FileHandle> {
  await mkdir(folder, { recursive: true });
  return open(path, "ax", 0o600);
}

const recordOf = (message: ConsumeMessage, { deadQueue }: WorkQueue): string =>
  `${JSON.stringify({
    id: letterId(message),
    queue: deadQueue,
    discardedAt: new Date().toISOString(),
    properties: message.properties,
    body: message.content.toString("base64"),
  })}\n`;
