import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomUUIDv7 } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE, WORK_QUEUES } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { claimVhost } from "@shop/test-support/servers";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { UsageError } from "../command.ts";
import { withBroker } from "../connections.ts";
import { NOWHERE, run } from "../run.fixture.ts";
import { openDeadLetters, type DeadLetters } from "./dead-letters.fixture.ts";
import { deadLetters } from "./dead-letters.ts";
import { openPublisher } from "./replay.ts";
import { visitQueue } from "./visit-queue.ts";

const { name: WORK, deadQueue: DEAD } = ORDER_CREATED_QUEUE;
const READABLE = readFileSync(
  join(CHECKOUT, "order-service", "event-samples", "order.created.v1.json"),
  "utf8",
);

let broker: DeadLetters;

beforeAll(async () => {
  broker = await openDeadLetters(await claimVhost());
});
beforeEach(() => broker.empty());
afterAll(() => broker.close());

const idsIn = async (queue: string): Promise<string[]> =>
  (await broker.drain(queue)).map(({ properties }) => String(properties.messageId));

test("lists empty queues", async () => {
  expect(await broker.run("list")).toEqual({
    code: 0,
    text: WORK_QUEUES.map(({ deadQueue }) => `${deadQueue}: 0 messages`).join("\n"),
  });
});

test("lists what messages are, when and why they were dead-lettered, and leaves them in the queue", async () => {
  await broker.deadLetter(ORDER_CREATED_QUEUE, [READABLE, '{"bad \u001B[31mjson'], (index) => ({
    messageId: `id-${index}`,
    correlationId: "the-request\u001B[2J",
    headers: {
      "x-death": [{ reason: "rejected", "routing-keys": ["order.created"], queue: WORK, count: 1 }],
    },
  }));
  const { code, text } = await broker.run("list");
  expect(code).toBe(0);
  expect(text).toContain(`${DEAD}: 2 messages`);
  expect(text).toMatch(/ {2}id-0 {2}order.created, order [0-9a-f-]{36}, .*\(rejected\)/);
  expect(text).toMatch(
    / {2}id-1 {2}not readable, request the-request\\u001b\[2J, published as order.created/,
  );
  expect(text).toContain("not JSON");
  expect(text).not.toContain("\u001B");
  await broker.expectDepth(DEAD, 2);
  expect((await broker.run("list", "--limit", "1")).text).toContain("and 1 more");
  expect((await broker.run("list", "--queue", DEAD)).text).not.toContain("order-service");
});

test("neither drops nor changes a message that is listed again and again", async () => {
  await broker.deadLetter(ORDER_CREATED_QUEUE, ["a", "b", "c"], (index) => ({
    messageId: `worn-${index}`,
    headers: { "x-death": [{ reason: "rejected" }] },
  }));
  for (let look = 0; look < 25; look += 1) await broker.run("list");
  await broker.expectDepth(DEAD, 3);
  const left = await broker.drain(DEAD);
  for (const { properties } of left) {
    expect(properties.headers?.["x-death"]).toEqual([{ reason: "rejected" }]);
  }
  const ids = left.map(({ properties }) => String(properties.messageId));
  expect(ids.toSorted()).toEqual(["worn-0", "worn-1", "worn-2"]);
});

test("shows headers, and as much of the body as is asked for", async () => {
  const body = JSON.stringify({ note: `${"x".repeat(3_000)}\u0007end` });
  await broker.deadLetter(ORDER_UPDATED_QUEUE, [body, READABLE], (index) => ({
    messageId: `show-${index}`,
    headers: { "x-note": "abc" },
  }));
  const { code, text } = await broker.run("show", "show-0");
  expect(code).toBe(0);
  expect(text).toContain('"x-note": "abc"');
  expect(text).toContain('"messageId": "show-0"');
  expect(text).toContain("of a type that is not handled here");
  expect(text).not.toContain("end");
  expect((await broker.run("show", "show-0", "--full")).text).toContain("\\u0007end");
  expect(await broker.run("show", "nobody")).toMatchObject({ code: 1 });
  await broker.expectDepth(ORDER_UPDATED_QUEUE.deadQueue, 2);
});

test.each([undefined, "", "with a space", "\u001B[31m", "-x", "x".repeat(81)])(
  "names a message by its content when its id %j cannot be typed",
  async (messageId) => {
    await broker.deadLetter(ORDER_CREATED_QUEUE, ["no id at all"], () => ({ messageId }));
    const [id] = /body-[0-9a-f]{16}/.exec((await broker.run("list")).text)!;
    expect((await broker.run("show", id)).text).toContain("no id at all");
    expect(await broker.run("replay", id)).toMatchObject({ code: 0 });
    await broker.expectDepth(WORK, 1);
  },
);

test("replays the selected messages as they were published, and leaves the others", async () => {
  const ids = Array.from({ length: 250 }, (_, index) => `m-${index}`);
  await broker.deadLetter(
    ORDER_CREATED_QUEUE,
    ids.map((id) => `{"body":"${id}"}`),
    (index) => ({
      messageId: ids[index],
      contentType: "application/json",
      correlationId: "the-request",
      headers: {
        "x-note": "abc",
        "x-death": [{ reason: "rejected" }],
        "x-first-death-reason": "rejected",
        CC: ["elsewhere"],
      },
    }),
  );
  const { code, text } = await broker.run("replay", "m-3", "m-240", "m-999");
  expect(code).toBe(1);
  expect(text).toContain(`2 messages put back on ${WORK}.`);
  expect(text).toContain("Not found: m-999");
  const back = await broker.drain(WORK);
  expect(back.map(({ content }) => content.toString()).toSorted()).toEqual([
    '{"body":"m-240"}',
    '{"body":"m-3"}',
  ]);
  expect(back[0]!.properties).toMatchObject({
    contentType: "application/json",
    correlationId: "the-request",
    deliveryMode: 2,
  });
  const { "x-delivery-count": _deliveries, ...headers } = back[0]!.properties.headers!;
  expect(headers).toEqual({ "x-note": "abc", "x-replayed": 1 });
  await broker.expectDepth(DEAD, 248);
  expect((await idsIn(DEAD)).toSorted()).toEqual(
    ids.filter((id) => id !== "m-3" && id !== "m-240").toSorted(),
  );
});

test("says how often a poisonous message was replayed before", async () => {
  await broker.deadLetter(ORDER_CREATED_QUEUE, ["poison"], () => ({ messageId: "poison" }));
  const backAgain = "had been replayed before (one ";
  for (const expected of [/back on [\w.-]+\.$/, `${backAgain}1 time)`, `${backAgain}2 times)`]) {
    expect((await broker.run("replay", "--all")).text).toMatch(expected);
    await broker.expectDepth(WORK, 1);
    await broker.reject(WORK, 1);
    await broker.expectDepth(DEAD, 1);
  }
  const { text } = await broker.run("list");
  expect(text).toContain("replayed 3 times before");
  expect(text).toMatch(/dead-lettered \d+ s ago, \(rejected\)/);
});

test("replays 5,000 messages once each", async () => {
  const ids = Array.from({ length: 5_000 }, () => randomUUIDv7());
  await broker.deadLetter(ORDER_CREATED_QUEUE, ids, (index) => ({ messageId: ids[index] }));
  expect((await broker.run("replay", "--all")).text).toBe(`5,000 messages put back on ${WORK}.`);
  await broker.expectDepth(WORK, 5_000);
  await broker.expectDepth(DEAD, 0);
  expect((await idsIn(WORK)).toSorted()).toEqual(ids.toSorted());
});

test("loses no message when it is killed between the confirm and the ack", async () => {
  await broker.deadLetter(ORDER_CREATED_QUEUE, ["once"], () => ({ messageId: "once" }));
  const dies = withBroker(broker.url, (session) =>
    visitQueue(session, {
      queue: DEAD,
      most: Infinity,
      work: async (window) => {
        const publisher = await openPublisher(session);
        await publisher.publish(WORK, window);
        session.fail(new Error("killed"));
        return { remove: window };
      },
    }),
  );
  await expect(dies).rejects.toThrow("killed");
  await broker.expectDepth(WORK, 1);
  await broker.expectDepth(DEAD, 1);
});

test("loses no message when a replay is killed -9", async () => {
  const ids = Array.from({ length: 3_000 }, () => randomUUIDv7());
  await broker.deadLetter(ORDER_CREATED_QUEUE, ids, (index) => ({ messageId: ids[index] }));
  const child = spawn(
    process.execPath,
    ["commands/bootstrap.mjs", "dead-letters", "replay", "--all"],
    {
      cwd: CHECKOUT,
      env: { ...process.env, RABBITMQ_URL: broker.url },
      stdio: "ignore",
      detached: true,
    },
  );
  await eventually(async () => expect(await broker.depth(WORK)).toBeGreaterThan(0), 50_000);
  process.kill(-child.pid!, "SIGKILL");
  await once(child, "exit");
  await eventually(async () =>
    expect((await broker.depth(DEAD)) + (await broker.depth(WORK))).toBeGreaterThanOrEqual(3_000),
  );
  const everywhere = new Set([...(await idsIn(DEAD)), ...(await idsIn(WORK))]);
  expect(ids.filter((id) => !everywhere.has(id))).toEqual([]);
});

test("keeps discarded messages whole in a file, and leaves the others in the queue", async () => {
  const bytes = "\u0000 zero";
  await broker.deadLetter(ORDER_CREATED_QUEUE, ["keep", bytes], (index) => ({
    messageId: `d-${index}`,
  }));
  const { code, text } = await broker.run("discard", "d-1", "--yes");
  expect(code).toBe(0);
  const [file] = readdirSync(broker.folder);
  expect(text).toContain(`1 message discarded. They are kept in ${join(broker.folder, file!)}`);
  const record = JSON.parse(readFileSync(join(broker.folder, file!), "utf8"));
  expect(record).toMatchObject({ id: "d-1", queue: DEAD, properties: { messageId: "d-1" } });
  expect(Buffer.from(record.body, "base64").toString()).toBe(bytes);
  await broker.expectDepth(DEAD, 1);
  expect(await idsIn(DEAD)).toEqual(["d-0"]);
  expect((await broker.run("discard", "--all", "--yes")).text).toBe("None discarded.");
});

test.each([
  [[], "Give an action"],
  [["remove"], "Give an action"],
  [["list", "x"], "takes no IDs"],
  [["show"], "takes one ID"],
  [["replay"], "one of the two"],
  [["replay", "x", "--all"], "one of the two"],
  [["discard", "--all"], "--yes"],
  [["list", "--limit", "0"], "--limit must be"],
  [["list", "--queue", "q"], "There is no dead-letter queue q"],
  [["list", "--colour"], "Unknown option"],
  [["list", "--yes"], "Unknown option '--yes'"],
  [["show", "x", "--all"], "Unknown option '--all'"],
  [["replay", "--all", "--limit", "5"], "Unknown option '--limit'"],
])("refuses %j, and shows the usage", async (args, message) => {
  const refused = broker.run(...args);
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toThrow("npm run dead-letters -- ACTION");
});

test("says that the broker is away, and what to do", async () => {
  const { code, text } = await run(deadLetters, ["list"], { addresses: NOWHERE });
  expect(code).toBe(2);
  expect(text).toContain("The broker at 127.0.0.1:9 failed: nothing listens there.");
  expect(text).toContain("RABBITMQ_URL");
});
