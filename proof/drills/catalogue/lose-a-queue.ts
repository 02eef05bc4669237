import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE, WORK_QUEUES } from "@shop/contracts/topology";
import { between } from "@shop/test-support/random";
import { nothing, type Drill } from "../drill.ts";

const ROUNDS = 3;
const STOLEN_FOR_MS = 300;
const BETWEEN_MS = { least: 200, most: 2_000 };
/**
 * RabbitMQ 3.10 that is killed within a second or two of a quorum queue's declaration forgets where that queue is, for good: no
 * other drill may strike so soon.
 */
const PEACE_MS = 5_000;

export const loseAQueueDrill: Drill = {
  id: "D9",
  name: "lose-a-queue",
  title: "messages are stolen from live queues, which are purged, unbound and deleted under load",
  promise: "Queues are declared again, and orders whose message is lost are republished.",
  tolerates: nothing,
  async run({ system, random, pause, lasting, expect, healed, note }) {
    let lost = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { name, types } of WORK_QUEUES) {
        await system.broker(async (client) => {
          lost += await client.steal(name, STOLEN_FOR_MS);
          lost += (await client.purge(name)).messageCount;
          await pause(lasting(between(random, BETWEEN_MS.least, BETWEEN_MS.most)));
          await client.unbind(name, types[0]!);
          await pause(lasting(between(random, BETWEEN_MS.least, BETWEEN_MS.most)));
        });
      }
      for (const { name } of [ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE]) {
        await system.broker(async (client) => {
          lost += (await client.deleteQueue(name)).messageCount;
        });
        await pause(lasting(between(random, BETWEEN_MS.least, BETWEEN_MS.most)));
      }
    }
    healed();
    await pause(PEACE_MS);
    note(`${ROUNDS} times each, ${lost} messages lost on purpose`);
    expect(lost > 0, "no message was lost");
  },
};
