import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { startRabbitmq, type RabbitmqServer } from "local-stack/servers/rabbitmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDeadHouse, type DeadHouse } from "./dead/dead.fixture.ts";
import { askBroker } from "./stuck/ask-broker.ts";

let rabbitmq: RabbitmqServer;
let house: DeadHouse;

// A broker of its own, since an alarm stops everybody on it.
beforeAll(async () => {
  rabbitmq = await startRabbitmq({ name: "alarm-rabbitmq" });
  house = await openDeadHouse(rabbitmq.url);
});
afterAll(async () => {
  await house?.close();
  await rabbitmq?.stop();
});

test("when the broker has an alarm, then it is told from one that is away, and a replay loses nothing", async () => {
  await house.bury(ORDER_CREATED_QUEUE, ["one", "two"]);
  expect(await askBroker(rabbitmq.url)).toMatchObject({ blocked: false });
  await rabbitmq.control(["set_vm_memory_high_watermark", "0"]);
  await eventually(async () => expect((await askBroker(rabbitmq.url)).blocked).toBe(true));
  expect(await askBroker(rabbitmq.url)).toMatchObject({
    blocked: true,
    dead: new Map([
      [ORDER_CREATED_QUEUE.deadQueue, 2],
      ["order-service.order-updated.dead", 0],
    ]),
  });
  expect((await house.run("list")).text).toContain(`${ORDER_CREATED_QUEUE.deadQueue}: 2 messages`);
  const { code, text } = await house.run("replay", "--all");
  expect(code).toBe(2);
  expect(text).toContain("a memory or disk alarm?");
  await rabbitmq.control(["set_vm_memory_high_watermark", "0.4"]);
  await house.expectDepth(ORDER_CREATED_QUEUE.deadQueue, 2);
  expect(await house.run("replay", "--all")).toMatchObject({ code: 0 });
  await house.expectDepth(ORDER_CREATED_QUEUE.deadQueue, 0);
});
