import { ORDER_CREATED_QUEUE, WORK_QUEUES } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { startRabbitmq, type RabbitmqServer } from "local-stack/servers/rabbitmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDeadLetters, type DeadLetters } from "./dead-letters/dead-letters.fixture.ts";
import { askBroker } from "./stuck/facts.ts";

let rabbitmq: RabbitmqServer;
let broker: DeadLetters;

// A broker of its own, since an alarm stops every publisher on it.
beforeAll(async () => {
  rabbitmq = await startRabbitmq({ name: "alarm-rabbitmq" });
  broker = await openDeadLetters(rabbitmq.url);
});
afterAll(async () => {
  await broker?.close();
  await rabbitmq?.stop();
});

test("tells a broker with an alarm from one that is away, and loses no message in a replay", async () => {
  await broker.deadLetter(ORDER_CREATED_QUEUE, ["one", "two"]);
  expect(await askBroker(rabbitmq.url)).toMatchObject({ blocked: false });
  await rabbitmq.control(["set_vm_memory_high_watermark", "0"]);
  await eventually(async () =>
    expect(await askBroker(rabbitmq.url)).toMatchObject({
      blocked: true,
      deadLettered: new Map(
        WORK_QUEUES.map(({ deadQueue }) => [
          deadQueue,
          deadQueue === ORDER_CREATED_QUEUE.deadQueue ? 2 : 0,
        ]),
      ),
    }),
  );
  expect((await broker.run("list")).text).toContain(`${ORDER_CREATED_QUEUE.deadQueue}: 2 messages`);
  const { code, text } = await broker.run("replay", "--all");
  expect(code).toBe(2);
  expect(text).toContain("a memory or disk alarm?");
  await rabbitmq.control(["set_vm_memory_high_watermark", "0.4"]);
  await broker.expectDepth(ORDER_CREATED_QUEUE.deadQueue, 2);
  expect(await broker.run("replay", "--all")).toMatchObject({ code: 0 });
  await broker.expectDepth(ORDER_CREATED_QUEUE.deadQueue, 0);
});
