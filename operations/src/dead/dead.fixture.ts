import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEAD_EXCHANGE, WORK_QUEUES, type WorkQueue } from "@shop/contracts/topology";
import { declareTopology } from "@shop/service-kit/messaging/declare-all";
import { connectBroker } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { connect, type ConsumeMessage, type Options } from "amqplib";
import { sayTo } from "local-stack/terminal/say";
import { expect } from "vitest";
import { withBroker } from "../broker.ts";
import { deadLetters } from "./dead-letters.ts";

/** A broker with our queues and nobody who takes from them, and the command on it. */
export async function openDeadHouse(url: string) {
  const folder = await mkdtemp(join(tmpdir(), "discarded-"));
  await withBroker(url, declareTopology);
  const client = await connectBroker(url);
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  const bury = async (
    queue: WorkQueue,
    bodies: readonly string[],
    optionsOf: (index: number) => Options.Publish = () => ({}),
  ): Promise<void> => {
    for (const [index, body] of bodies.entries()) {
      const options = { persistent: true, ...optionsOf(index) };
      channel.publish(DEAD_EXCHANGE, queue.deadQueue, Buffer.from(body), options);
    }
    await channel.waitForConfirms();
  };
  return {
    url,
    folder,
    bury,
    depth: (queue: string) => client.depth(queue),
    expectDepth: (queue: string, count: number) =>
      eventually(async () => expect(await client.depth(queue)).toBe(count)),
    /** All that is in a queue, which is empty after it. */
    async drain(queue: string): Promise<ConsumeMessage[]> {
      const all: ConsumeMessage[] = [];
      const own = await connection.createChannel();
      const { messageCount } = await own.checkQueue(queue);
      await own.consume(queue, (message) => message && all.push(message), { noAck: true });
      await eventually(() => expect(all.length).toBeGreaterThanOrEqual(messageCount));
      await own.close();
      return all;
    },
    /** Whoever consumes it finds it poisonous. */
    async reject(queue: string, count: number): Promise<void> {
      for (let n = 0; n < count; n += 1) {
        const message = await channel.get(queue);
        if (message) channel.reject(message, false);
      }
    },
    empty: () =>
      Promise.all(
        WORK_QUEUES.flatMap(({ name, deadQueue }) => [client.purge(name), client.purge(deadQueue)]),
      ),
    /** The command in this process. */
    async run(...args: string[]): Promise<{ code: number; text: string }> {
      return said(() =>
        deadLetters(args, {
          addresses: { rabbitmq: url },
          folder,
          stop: new AbortController().signal,
        }),
      );
    },
    close: async () => {
      await client.close();
      await connection.close();
    },
  };
}

export type DeadHouse = Awaited<ReturnType<typeof openDeadHouse>>;

/** What a command says, and its exit code. */
export async function said(
  command: () => Promise<number>,
): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const sayAsBefore = sayTo((line) => lines.push(line));
  try {
    const code = await command();
    return { code, text: lines.join("\n") };
  } finally {
    sayAsBefore();
  }
}
