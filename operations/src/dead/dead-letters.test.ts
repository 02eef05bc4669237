import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomUUIDv7 } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ORDER_CREATED_QUEUE, ORDER_UPDATED_QUEUE } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { claimVhost } from "@shop/test-support/servers";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { UsageError } from "../command.ts";
import { withBroker } from "../broker.ts";
import { deadLetters } from "./dead-letters.ts";
import { openDeadHouse, said, type DeadHouse } from "./dead.fixture.ts";
import { goThrough } from "./go-through.ts";
import { openWay, revive } from "./put-on-queue.ts";

const { name: WORK, deadQueue: DEAD } = ORDER_CREATED_QUEUE;
const READABLE = readFileSync(
  join(CHECKOUT, "shared-contracts", "event-samples", "order.created.v1.json"),
  "utf8",
);

let house: DeadHouse;

beforeAll(async () => {
  house = await openDeadHouse(await claimVhost());
});
beforeEach(() => house.empty());
afterAll(() => house.close());

const idsIn = async (queue: string): Promise<string[]> =>
  (await house.drain(queue)).map(({ properties }) => String(properties.messageId));

test("when nothing is dead, then list says so", async () => {
  expect(await house.run("list")).toEqual({
    code: 0,
    text: `${DEAD}: 0 messages\n${ORDER_UPDATED_QUEUE.deadQueue}: 0 messages`,
  });
});

test("when messages are dead, then list tells what they are, where they died of what, and leaves them there", async () => {
  await house.bury(ORDER_CREATED_QUEUE, [READABLE, '{"bad \u001B[31mjson'], (index) => ({
    messageId: `id-${index}`,
    correlationId: "the-request\u001B[2J",
    headers: {
      "x-death": [{ reason: "rejected", "routing-keys": ["order.created"], queue: WORK, count: 1 }],
    },
  }));
  const { code, text } = await house.run("list");
  expect(code).toBe(0);
  expect(text).toContain(`${DEAD}: 2 messages`);
  expect(text).toMatch(/ {2}id-0 {2}order.created, order [0-9a-f-]{36}, .*\(rejected\)/);
  expect(text).toMatch(
    / {2}id-1 {2}not readable, request the-request\\u001b\[2J, told as order.created/,
  );
  expect(text).toContain("not JSON");
  expect(text).not.toContain("\u001B");
  await house.expectDepth(DEAD, 2);
  expect((await house.run("list", "--limit", "1")).text).toContain("and 1 more");
  expect((await house.run("list", "--queue", DEAD)).text).not.toContain("order-service");
});

test("when one looks again and again, then no message is dropped for it, nor changed", async () => {
  await house.bury(ORDER_CREATED_QUEUE, ["a", "b", "c"], (index) => ({
    messageId: `worn-${index}`,
    headers: { "x-death": [{ reason: "rejected" }] },
  }));
  for (let look = 0; look < 25; look += 1) await house.run("list");
  await house.expectDepth(DEAD, 3);
  const left = await house.drain(DEAD);
  for (const { properties } of left) {
    expect(properties.headers?.["x-death"]).toEqual([{ reason: "rejected" }]);
  }
  const ids = left.map(({ properties }) => String(properties.messageId));
  expect(ids.toSorted()).toEqual(["worn-0", "worn-1", "worn-2"]);
});

test("when one is shown, then with headers and as much of its body as is asked for", async () => {
  const body = JSON.stringify({ note: `${"x".repeat(3_000)}\u0007end` });
  await house.bury(ORDER_UPDATED_QUEUE, [body, READABLE], (index) => ({
    messageId: `show-${index}`,
    headers: { "x-note": "abc" },
  }));
  const { code, text } = await house.run("show", "show-0");
  expect(code).toBe(0);
  expect(text).toContain('"x-note": "abc"');
  expect(text).toContain('"messageId": "show-0"');
  expect(text).toContain("of a type that is not handled here");
  expect(text).not.toContain("end");
  expect((await house.run("show", "show-0", "--full")).text).toContain("\\u0007end");
  expect(await house.run("show", "nobody")).toMatchObject({ code: 1 });
  await house.expectDepth(ORDER_UPDATED_QUEUE.deadQueue, 2);
});

test.each([undefined, "", "with a space", "\u001B[31m", "-x", "x".repeat(81)])(
  "when a message's id is %j, which nobody could type, then it is known by its content",
  async (messageId) => {
    await house.bury(ORDER_CREATED_QUEUE, ["no id at all"], () => ({ messageId }));
    const [id] = /body-[0-9a-f]{16}/.exec((await house.run("list")).text)!;
    expect((await house.run("show", id)).text).toContain("no id at all");
    expect(await house.run("replay", id)).toMatchObject({ code: 0 });
    await house.expectDepth(WORK, 1);
  },
);

test("when some are put back, then they are on their work queue as they were told, and the others still dead", async () => {
  const ids = Array.from({ length: 250 }, (_, index) => `m-${index}`);
  await house.bury(
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
  const { code, text } = await house.run("replay", "m-3", "m-240", "m-999");
  expect(code).toBe(1);
  expect(text).toContain(`2 messages put back on ${WORK}.`);
  expect(text).toContain("Not found: m-999");
  const back = await house.drain(WORK);
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
  await house.expectDepth(DEAD, 248);
  expect((await idsIn(DEAD)).toSorted()).toEqual(
    ids.filter((id) => id !== "m-3" && id !== "m-240").toSorted(),
  );
});

test("when poison is put back, then it dies again, and it is said how often", async () => {
  await house.bury(ORDER_CREATED_QUEUE, ["poison"], () => ({ messageId: "poison" }));
  const backAgain = "had been put back before (one ";
  for (const told of [/back on [\w.-]+\.$/, `${backAgain}1 time)`, `${backAgain}2 times)`]) {
    expect((await house.run("replay", "--all")).text).toMatch(told);
    await house.expectDepth(WORK, 1);
    await house.reject(WORK, 1);
    await house.expectDepth(DEAD, 1);
  }
  const { text } = await house.run("list");
  expect(text).toContain("put back 3 times before");
  expect(text).toMatch(/died \d+ s ago, \(rejected\)/);
});

test("when 5,000 are put back, then all of them are there, once", async () => {
  const ids = Array.from({ length: 5_000 }, () => randomUUIDv7());
  await house.bury(ORDER_CREATED_QUEUE, ids, (index) => ({ messageId: ids[index] }));
  expect((await house.run("replay", "--all")).text).toBe(`5,000 messages put back on ${WORK}.`);
  await house.expectDepth(WORK, 5_000);
  await house.expectDepth(DEAD, 0);
  expect((await idsIn(WORK)).toSorted()).toEqual(ids.toSorted());
});

test("when it dies between the confirm and the ack, then the message is on both queues, and lost from neither", async () => {
  await house.bury(ORDER_CREATED_QUEUE, ["once"], () => ({ messageId: "once" }));
  const dies = withBroker(house.url, (session) =>
    goThrough(session, {
      queue: DEAD,
      most: Infinity,
      work: async (window) => {
        const way = await openWay(session);
        await way.put(WORK, window.map(revive));
        session.fail(new Error("killed"));
        return { settled: window };
      },
    }),
  );
  await expect(dies).rejects.toThrow("killed");
  await house.expectDepth(WORK, 1);
  await house.expectDepth(DEAD, 1);
});

test("when a replay is killed -9 in the middle, then every message is on one of the queues", async () => {
  const ids = Array.from({ length: 3_000 }, () => randomUUIDv7());
  await house.bury(ORDER_CREATED_QUEUE, ids, (index) => ({ messageId: ids[index] }));
  const child = spawn(
    process.execPath,
    ["commands/bootstrap.mjs", "dead-letters", "replay", "--all"],
    {
      cwd: CHECKOUT,
      env: { ...process.env, RABBITMQ_URL: house.url },
      stdio: "ignore",
      detached: true,
    },
  );
  await eventually(async () => expect(await house.depth(WORK)).toBeGreaterThan(0), 50_000);
  process.kill(-child.pid!, "SIGKILL");
  await once(child, "exit");
  await eventually(async () =>
    expect((await house.depth(DEAD)) + (await house.depth(WORK))).toBeGreaterThanOrEqual(3_000),
  );
  const everywhere = new Set([...(await idsIn(DEAD)), ...(await idsIn(WORK))]);
  expect(ids.filter((id) => !everywhere.has(id))).toEqual([]);
});

test("when messages are discarded, then they are in a file, whole, and the others still dead", async () => {
  const bytes = "\u0000 zero";
  await house.bury(ORDER_CREATED_QUEUE, ["keep", bytes], (index) => ({ messageId: `d-${index}` }));
  const { code, text } = await house.run("discard", "d-1", "--yes");
  expect(code).toBe(0);
  const [file] = readdirSync(house.folder);
  expect(text).toContain(`1 message discarded. They are kept in ${join(house.folder, file!)}`);
  const record = JSON.parse(readFileSync(join(house.folder, file!), "utf8"));
  expect(record).toMatchObject({ id: "d-1", queue: DEAD, properties: { messageId: "d-1" } });
  expect(Buffer.from(record.body, "base64").toString()).toBe(bytes);
  await house.expectDepth(DEAD, 1);
  expect(await idsIn(DEAD)).toEqual(["d-0"]);
  expect((await house.run("discard", "--all", "--yes")).text).toBe("None discarded.");
});

test.each([
  [[], "Say what to do"],
  [["bury"], "Say what to do"],
  [["list", "x"], "takes no IDs"],
  [["show"], "takes one ID"],
  [["replay"], "one of the two"],
  [["replay", "x", "--all"], "one of the two"],
  [["discard", "--all"], "--yes"],
  [["list", "--limit", "0"], "--limit must be"],
  [["list", "--queue", "q"], "There is no dead queue q"],
  [["list", "--colour"], "Unknown option"],
  [["list", "--yes"], "list takes no --yes"],
  [["show", "x", "--all"], "show takes no --all"],
  [["replay", "--all", "--limit", "5"], "replay takes no --limit"],
])("%j is wrong usage, and says what is right", async (args, message) => {
  const run = house.run(...args);
  await expect(run).rejects.toThrow(UsageError);
  await expect(run).rejects.toThrow(message);
  await expect(run).rejects.toThrow("npm run dead-letters -- <what>");
});

test("when the broker is away, then it says so, and what to do", async () => {
  const addresses = { rabbitmq: "amqp://127.0.0.1:9" };
  const { signal: stop } = new AbortController();
  const { code, text } = await said(() => deadLetters(["list"], { addresses, folder: "", stop }));
  expect(code).toBe(2);
  expect(text).toContain("The broker at 127.0.0.1:9 failed: nothing listens there.");
  expect(text).toContain("RABBITMQ_URL");
});
