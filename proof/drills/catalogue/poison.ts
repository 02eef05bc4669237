import { createHash, randomUUIDv7 } from "node:crypto";
import { MAX_MESSAGE_BYTES, WORK_QUEUES, type WorkQueue } from "@shop/contracts/topology";
import type { BrokerClient } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { nothing, type Drill, type Scene } from "../drill.ts";
import { settlingOf } from "../verdict.ts";
import { readLog } from "../system.ts";

const ROUNDS = 10;
const BETWEEN_MS = 300;
const BIG_BYTES = 5_000_000;
/** Parsed they would take 12 s, longer than the broker waits for a heartbeat. */
const HUGE = "[".repeat(60_000_000);
const DEAD_LIMIT_MS = 20_000;
/** The broker alone takes a second or two of it, in which others wait behind it on their connections. */
const HUGE_DEAD_WITHIN_MS = 4_000;
const OTHERS_P99_WITHIN_MS = 1_500;

/** Each one is different from all others, so that none can stand for another in the dead queue. */
const POISON: readonly ((type: string) => string)[] = [
  () => `{"bad json ${randomUUIDv7()}`,
  (type) => JSON.stringify({ id: randomUUIDv7(), type, version: 1, data: { qty: "many" } }),
  (type) => JSON.stringify({ type, data: { note: randomUUIDv7() + "x".repeat(BIG_BYTES) } }),
];

const digestOf = (content: string | Buffer): string =>
  createHash("sha256").update(content).digest("hex");

const untilDead = (client: BrokerClient, deadQueue: string, count: number): Promise<void> =>
  eventually(async () => {
    const depth = await client.depth(deadQueue);
    if (depth < count) throw new Error(`${depth} of ${count} in ${deadQueue}`);
  }, DEAD_LIMIT_MS);

/** The dead queue holds, byte for byte, what was sent, nothing else, and each with the broker's word on why. */
async function lookAtTheDead(
  client: BrokerClient,
  { name, deadQueue }: WorkQueue,
  { sent, expect }: { sent: readonly string[]; expect: Scene["expect"] },
): Promise<void> {
  await untilDead(client, deadQueue, sent.length);
  const dead = await client.takeAll(deadQueue);
  const found = dead.map(({ content }) => digestOf(content));
  const missing = sent.filter((digest) => !found.includes(digest));
  const others = found.filter((digest) => !sent.includes(digest));
  const twice = found.length - new Set(found).size;
  expect(missing.length === 0, `${missing.length} of the poison are not in ${deadQueue} as sent`);
  expect(others.length === 0, `${others.length} in ${deadQueue} that were no poison`);
  expect(twice === 0, `${twice} are in ${deadQueue} a second time`);
  const mute = dead.filter(({ properties: { headers = {} } }) => {
    const { "x-first-death-reason": reason, "x-first-death-queue": queue } = headers;
    return reason !== "rejected" || queue !== name;
  });
  expect(mute.length === 0, `${mute.length} in ${deadQueue} do not say that ${name} rejected them`);
}

/** Ours refuses what is too large. Somebody else's may not, and consumers must stand it: from the next channel on. */
const takeUpTo = (system: Scene["system"], bytes: number): Promise<string> =>
  system.rabbitmqctl("eval", `application:set_env(rabbit, max_message_size, ${bytes}).`);

export const poisonDrill: Drill = {
  id: "M2",
  name: "poison",
  title: "bad JSON, a wrong schema, 5 MB and 60 MB come into both queues under load",
  promise: "A message that can't be parsed goes to the dead queue at once and blocks nothing.",
  rate: 200,
  tolerates: nothing,
  async run({ system, pause, lasting, expect, inTime, note }) {
    const since = randomUUIDv7();
    let hugeSince = since;
    const pids = system.pids();
    const rounds = Math.ceil(lasting(ROUNDS));
    await takeUpTo(system, 2 * HUGE.length);
    await system.broker(async (client) => {
      const sent = new Map<WorkQueue, string[]>(WORK_QUEUES.map((queue) => [queue, []]));
      for (let round = 0; round < rounds; round += 1) {
        for (const [{ types }, digests] of sent) {
          for (const brew of POISON) {
            const poison = brew(types[0]!);
            digests.push(digestOf(poison));
            await client.send(types[0]!, poison);
          }
        }
        await pause(BETWEEN_MS);
      }
      for (const [{ deadQueue }, digests] of sent)
        await untilDead(client, deadQueue, digests.length);
      hugeSince = randomUUIDv7();
      for (const [{ types, deadQueue }, digests] of sent) {
        await client.send(types[0]!, HUGE);
        const sentAt = performance.now();
        digests.push(digestOf(HUGE));
        await untilDead(client, deadQueue, digests.length);
        inTime("60 MB until dead", performance.now() - sentAt, HUGE_DEAD_WITHIN_MS);
        note(`60 MB dead after ${Math.round(performance.now() - sentAt)} ms`);
      }
      for (const [queue, digests] of sent) {
        await lookAtTheDead(client, queue, { sent: digests, expect });
      }
      const all = (rounds * POISON.length + 1) * WORK_QUEUES.length;
      note(`${all} messages that can't be parsed, two of 60 MB, all dead-lettered byte for byte`);
    });
    await takeUpTo(system, MAX_MESSAGE_BYTES);
    expect(system.pids() === pids, "a program was ended");
    for (const program of ["product-service", "order-service"]) {
      const lines = readLog(system, program, () => undefined);
      const unparsed = lines.some(({ fault }) => String(fault).startsWith("larger than"));
      expect(unparsed, `${program} has parsed what is too large`);
    }
    const { p99 } = await settlingOf(system.truth.orders, since, hugeSince);
    inTime("p99 of the orders between them", p99, OTHERS_P99_WITHIN_MS);
    const beside = await settlingOf(system.truth.orders, hugeSince);
    inTime("p99 of the orders beside 60 MB", beside.p99, HUGE_DEAD_WITHIN_MS);
  },
};
