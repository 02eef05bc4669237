import { mkdir, open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { WorkQueue } from "@shop/contracts/topology";
import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import type { ConsumeMessage } from "amqplib";
import { counted, print } from "../output.ts";
import { idOf, type Selection } from "./message.ts";
import { KEEP_ALL, visitQueue } from "./visit-queue.ts";

/** Takes messages out of the dead-letter queues. Each is in a file, on disk, before it is removed. */
export async function discard(
  session: BrokerSession,
  queues: readonly WorkQueue[],
  { selection, folder, stop }: { selection: Selection; folder: string; stop: AbortSignal },
): Promise<void> {
  const path = join(folder, `${new Date().toISOString().replaceAll(":", "-")}.jsonl`);
  let file: FileHandle | undefined;
  let count = 0;
  const keep = async (selected: readonly ConsumeMessage[], queue: WorkQueue): Promise<void> => {
    file ??= await create(folder, path);
    await file.appendFile(selected.map((one) => recordOf(one, queue)).join(""));
    await file.sync();
    count += selected.length;
  };
  try {
    for (const queue of queues) {
      await visitQueue(session, {
        queue: queue.deadQueue,
        most: Infinity,
        stop,
        work: async (window) => {
          const selected = selection.of(window);
          if (selected.length === 0) return KEEP_ALL;
          await keep(selected, queue);
          return { remove: selected };
        },
      });
    }
  } catch (error) {
    if (count > 0)
      print(
        `Interrupted: ${counted(count, "message")} are in ${path}; some may still be in their queue.`,
      );
    throw error;
  } finally {
    await file?.close();
  }
  print(
    file ? `${counted(count, "message")} discarded. They are kept in ${path}` : "None discarded.",
  );
}

/** Orders are personal data: readable by its owner alone. */
async function create(folder: string, path: string): Promise<FileHandle> {
  await mkdir(folder, { recursive: true });
  return open(path, "ax", 0o600);
}

const recordOf = (message: ConsumeMessage, { deadQueue }: WorkQueue): string =>
  `${JSON.stringify({
    id: idOf(message),
    queue: deadQueue,
    discardedAt: new Date().toISOString(),
    properties: message.properties,
    body: message.content.toString("base64"),
  })}\n`;
