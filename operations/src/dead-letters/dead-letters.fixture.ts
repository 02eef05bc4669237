import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEAD_EXCHANGE, WORK_QUEUES, type WorkQueue } from "@shop/contracts/topology";
import { declareTopology } from "@shop/service-kit/messaging/declare-all";
import { connectBroker } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { connect, type ConsumeMessage, type Options } from "amqplib";
import { expect } from "vitest";
import { withBroker } from "../connections.ts";
import { NOWHERE, run } from "../run.fixture.ts";
import { deadLetters } from "./dead-letters.ts";

/** A broker with the queues and no consumers, and the command on it. */
export async function openDeadLetters(url: string) {
  const folder = await mkdtemp(join(tmpdir(), "discarded-"));
  await withBroker(url, declareTopology);
  const client = await connectBroker(url);
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  const deadLetter = async (
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
    deadLetter,
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
    /** As a consumer that finds messages poisonous. */
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
    run: (...args: string[]) =>
      run(deadLetters, args, {
        addresses: { ...NOWHERE, rabbitmq: url },
        discarded: folder,
      }),
    close: async () => {
      await client.close();
      await connection.close();
    },
  };
}

export type DeadLetters = Awaited<ReturnType<typeof openDeadLetters>>;
