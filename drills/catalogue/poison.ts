import { WORK_QUEUES } from "@shop/contracts/topology";
import { randomUUIDv7 } from "node:crypto";
import { eventually } from "@shop/test-support/eventually";
import { nothing, type Drill } from "../drill.ts";
import { settling } from "../figures.ts";

const ROUNDS = 10;
const BETWEEN_MS = 300;
const BIG_BYTES = 5_000_000;
const DEAD_LIMIT_MS = 20_000;
const OTHERS_P99_WITHIN_MS = 1_500;

const POISON: readonly string[] = [
  '{"bad json',
  JSON.stringify({ id: randomUUIDv7(), type: "order.created", version: 1, data: { qty: "many" } }),
  JSON.stringify({ type: "order.created", data: { note: "x".repeat(BIG_BYTES) } }),
];

export const poisonDrill: Drill = {
  id: "M2",
  name: "poison",
  title: "bad JSON, a wrong schema and 5 MB come into both queues under load",
  promise: "A message that can't be parsed goes to the dead queue at once and blocks nothing.",
  rate: 200,
  tolerates: nothing,
  async run({ system, pause, lasting, expect, inTime, note }) {
    const since = randomUUIDv7();
    const rounds = Math.ceil(lasting(ROUNDS));
    await system.broker(async (client) => {
      for (let round = 0; round < rounds; round += 1) {
        for (const { types } of WORK_QUEUES) {
          for (const poison of POISON) await client.send(types[0]!, poison);
        }
        await pause(BETWEEN_MS);
      }
      const each = rounds * POISON.length;
      for (const { deadQueue } of WORK_QUEUES) {
        const dead = await eventually(async () => {
          const depth = await client.depth(deadQueue);
          if (depth < each) throw new Error(`${depth} of ${each} in ${deadQueue}`);
          return depth;
        }, DEAD_LIMIT_MS);
        expect(dead === each, `${dead} messages in ${deadQueue}, of ${each} that were poison`);
        await client.purge(deadQueue);
      }
      note(`${each * WORK_QUEUES.length} poisonous messages, all of them dead`);
    });
    const { p99 } = await settling(system.truth.orders, since);
    inTime("p99 of the orders between them", p99, OTHERS_P99_WITHIN_MS);
  },
};
