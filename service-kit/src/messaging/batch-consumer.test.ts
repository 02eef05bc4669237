import type { EventOf } from "@shop/contracts/event";
import { MAX_MESSAGE_BYTES, ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { connectBroker, eventOf, type BrokerClient } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { claimVhost } from "@shop/test-support/servers";
import { startTcpProxy, type TcpProxy } from "@shop/test-support/tcp-proxy";
import { connect } from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestLog, someOrder } from "../kit.fixture.ts";
import { BatchConsumer } from "./batch-consumer.ts";
import { BrokerConnection } from "./broker-connection.ts";
import { declareExchanges } from "./declare-topology.ts";
import { declareEverything } from "./declare-all.ts";

type OrderCreated = EventOf<"order.created">;

const { name: QUEUE, deadQueue: DEAD } = ORDER_CREATED_QUEUE;

/** What pg says when nobody listens. */
const databaseAway = () => Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
const badData = () => Object.assign(new Error("broken rule"), { code: "23514" });

let vhostUrl: string;
let client: BrokerClient;
let proxy: TcpProxy;
let connection: BrokerConnection;
let consumer: BatchConsumer<"order.created">;
let testLog: ReturnType<typeof createTestLog>;

/** What each call of the handler got, as the requests' ids. */
let batches: string[][];
let handle: (events: readonly OrderCreated[]) => Promise<readonly OrderCreated[] | void>;
let counts: { taken: number; deadLettered: number; retried: number; deferred: number };

beforeAll(async () => {
  vhostUrl = await claimVhost();
  client = await connectBroker(vhostUrl);
  proxy = await startTcpProxy(vhostUrl);
  await declareEverything(vhostUrl);
});
afterAll(() => Promise.all([client.close(), proxy.stop()]));

beforeEach(async () => {
  await Promise.all([client.purge(QUEUE), client.purge(DEAD)]);
  batches = [];
  handle = () => Promise.resolve();
  counts = { taken: 0, deadLettered: 0, retried: 0, deferred: 0 };
  testLog = createTestLog();
  build();
});
afterEach(stop);

/** Each runs once: who was stopped stays so. */
function build(): void {
  connection = new BrokerConnection(proxy.through(vhostUrl), "a test", testLog.log);
  connection.onSession(declareExchanges);
  consumer = new BatchConsumer(connection, {
    queue: ORDER_CREATED_QUEUE,
    types: ["order.created"],
    handle: async (events) => {
      batches.push(events.map(({ requestId }) => requestId));
      return (await handle(events)) ?? [];
    },
    log: testLog.log,
    events: testLog.events,
    lookEveryMs: 100,
    observer: {
      consumed: (count) => (counts.taken += count),
      deadLettered: () => (counts.deadLettered += 1),
      retried: () => (counts.retried += 1),
      deferred: (count) => (counts.deferred += count),
    },
  });
}

async function start(): Promise<void> {
  connection.start();
  await eventually(() => expect(consumer.consuming).toBe(true));
}

async function stop(): Promise<void> {
  await consumer.stop();
  await connection.stop();
}

const ids = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `r-${from + i}`);

async function tell(...requestIds: string[]): Promise<void> {
  await Promise.all(
    requestIds.map((requestId) => client.publish("order.created", someOrder(), { requestId })),
  );
}

/** Past every exchange, so that it may be anything. */
const put = (content: string | Buffer) => client.send(QUEUE, content, "");

const handled = () => batches.flat();

/** Nothing left in the queue, and nothing that comes back when the consumer's connection is gone. */
async function expectAllSettled(): Promise<void> {
  await stop();
  expect(await client.depth(QUEUE)).toBe(0);
}

/** After a cut some may be in hand for a second time: unseen in the depth, and back in the queue after a stop. */
async function untilAllSettled(): Promise<void> {
  await eventually(async () => {
    await stop();
    const left = await client.depth(QUEUE);
    if (left > 0) {
      build();
      await start();
    }
    expect(left).toBe(0);
  });
}

function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, passed: promise };
}

describe("messages that the handler gives back", () => {
  const isHeld = ({ requestId }: OrderCreated): boolean => requestId.startsWith("held");

  test("when they can't be handled yet, then the others go on, and they are handled as soon as they can", async () => {
    let mayHandle = false;
    const done: string[] = [];
    handle = async (events) => {
      const held = mayHandle ? [] : events.filter(isHeld);
      done.push(...events.filter((event) => !held.includes(event)).map((event) => event.requestId));
      return held;
    };
    await start();
    await tell("held-1", "r-1", "held-2");
    await eventually(() => expect(done).toEqual(["r-1"]));
    // More than one round, and more than a batch of others on the way.
    for (const id of ids(2, 400)) {
      await put(JSON.stringify(eventOf("order.created", someOrder(), { requestId: id })));
    }
    await eventually(() => expect(done).toHaveLength(399));
    await eventually(() => expect(counts.deferred).toBeGreaterThan(4));
    mayHandle = true;
    await eventually(() => expect(done.filter((id) => id.startsWith("held"))).toHaveLength(2));
    expect(new Set(done).size).toBe(401);
    expect(done).toHaveLength(401);
    await expectAllSettled();
  });

  test("when the consumer ends before they could be handled, then they, and only they, are in the queue again", async () => {
    const done: string[] = [];
    handle = async (events) => {
      done.push(...events.filter((event) => !isHeld(event)).map((event) => event.requestId));
      return events.filter(isHeld);
    };
    await start();
    await tell(...ids(0, 20), "held-1", ...ids(20, 40), "held-2");
    await eventually(() => expect(done).toHaveLength(40));
    await stop();
    await eventually(async () => expect(await client.depth(QUEUE)).toBe(2));
    expect(new Set(done).size).toBe(40);
  });

  test("when the consumer ends while others are handled, then the ack of those does not reach over them", async () => {
    const others = gate();
    handle = async (events) => {
      if (events.some(({ requestId }) => requestId === "r-1")) await others.passed;
      return events.filter(isHeld);
    };
    await start();
    await tell("held-1");
    await eventually(() => expect(counts.deferred).toBeGreaterThan(0));
    await tell("r-1");
    await eventually(() => expect(handled()).toContain("r-1"));
    const stopped = stop();
    others.open();
    await stopped;
    await eventually(async () => expect(await client.depth(QUEUE)).toBe(1));
  });

  test("when a later one came back first and they must be handled one by one, then no ack reaches over the earlier one", async () => {
    const others = gate();
    const done: string[] = [];
    let firstAt = Infinity;
    let oneByOne = false;
    handle = async (events) => {
      if (events.some(({ requestId }) => requestId === "r-1")) await others.passed;
      firstAt = Math.min(firstAt, performance.now());
      if (!oneByOne) return events.filter(isHeld);
      if (events.length > 1) throw badData();
      done.push(...events.map(({ requestId }) => requestId));
      return [];
    };
    await start();
    await tell("held-1");
    await eventually(() => expect(performance.now() - firstAt).toBeGreaterThan(100));
    await tell("held-2");
    await eventually(() => expect(handled().slice(-2)).toEqual(["held-2", "held-1"]));
    await tell("r-1");
    await eventually(() => expect(handled()).toContain("r-1"));
    const heldFrom = performance.now();
    // Both are due meanwhile, the second first.
    await eventually(() => expect(performance.now() - heldFrom).toBeGreaterThan(600));
    others.open();
    oneByOne = true;
    await eventually(() => expect(done.toSorted()).toEqual(["held-1", "held-2", "r-1"]));
    await expectAllSettled();
    expect(testLog.lines).not.toContainEqual(
      expect.objectContaining({ msg: "waiting for the broker" }),
    );
  });

  test("when there are more of them than the broker gives out at once, then the others wait, and all are handled in the end", async () => {
    let mayHandle = false;
    const done = new Set<string>();
    handle = async (events) => {
      const held = mayHandle ? [] : events.filter(isHeld);
      for (const event of events) if (!held.includes(event)) done.add(event.requestId);
      return held;
    };
    const some = Array.from({ length: 1_300 }, (_, n) => `held-${n}`);
    for (const id of [...some, "r-1"]) {
      await put(JSON.stringify(eventOf("order.created", someOrder(), { requestId: id })));
    }
    await start();
    await eventually(() => expect(counts.taken).toBe(1_200));
    mayHandle = true;
    await eventually(() => expect(done.size).toBe(1_301));
    await expectAllSettled();
  });
});

describe("messages in batches", () => {
  test("when one message comes in quiet, then it is handled at once, acked and told to the log", async () => {
    await start();
    await tell("r-1");
    await eventually(() => expect(batches).toEqual([["r-1"]]));
    await eventually(() =>
      expect(testLog.lines).toContainEqual(
        expect.objectContaining({
          level: "info",
          msg: "event consumed",
          event: "order.created",
          requestId: "r-1",
        }),
      ),
    );
    await expectAllSettled();
    expect(counts).toEqual({ taken: 1, deadLettered: 0, retried: 0, deferred: 0 });
  });

  test("when many wait, then they share batches, each once and in order", async () => {
    const all = ids(0, 700);
    for (const id of all)
      await put(JSON.stringify(eventOf("order.created", someOrder(), { requestId: id })));
    await start();
    await eventually(() => expect(handled()).toHaveLength(700));
    expect(handled()).toEqual(all);
    expect(batches.length).toBeLessThan(100);
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(300);
    await eventually(() => expect(counts.taken).toBe(700));
    await expectAllSettled();
  });

  test("when messages arrive during a batch, then they are the next one, and never two at once", async () => {
    const first = gate();
    let running = 0;
    let most = 0;
    handle = async () => {
      running += 1;
      most = Math.max(most, running);
      if (batches.length === 1) await first.passed;
      running -= 1;
    };
    await start();
    await tell("r-0");
    await eventually(() => expect(batches).toHaveLength(1));
    await tell(...ids(1, 20));
    first.open();
    await eventually(() => expect(handled()).toHaveLength(20));
    expect(most).toBe(1);
    expect(batches[0]).toEqual(["r-0"]);
    await expectAllSettled();
  });

  test("when the same event comes three times, then the handler gets it each time", async () => {
    const text = JSON.stringify(eventOf("order.created", someOrder(), { requestId: "again" }));
    await start();
    for (let time = 0; time < 3; time += 1) await put(text);
    await eventually(() => expect(handled()).toEqual(["again", "again", "again"]));
    await expectAllSettled();
  });

  test("when an event has fields from the future, then it is handled without them", async () => {
    const seen: OrderCreated[] = [];
    handle = async (events) => void seen.push(...events);
    await start();
    const data = { ...someOrder(), currency: "EUR" };
    await client.publish("order.created", data, { version: 2, source: "elsewhere" });
    await eventually(() => expect(seen).toHaveLength(1));
    expect(seen[0]).toMatchObject({ version: 2, data: { id: data.id } });
    expect(seen[0]).not.toHaveProperty("source");
    expect(seen[0]?.data).not.toHaveProperty("currency");
  });
});

describe("a consumer that the broker has forgotten", () => {
  /** Without a word to the consumer, as the broker does it when it loses one. */
  const forget = async (): Promise<void> => {
    const { channel, tag } = (consumer as any).subscription;
    await channel.cancel(tag);
  };

  test("is noticed, and consumes again", async () => {
    await start();
    await forget();
    await tell("r-1");
    await eventually(() => expect(handled()).toEqual(["r-1"]));
    expect(testLog.lines).toContainEqual(
      expect.objectContaining({
        msg: "waiting for the broker",
        err: expect.objectContaining({ message: "the broker has forgotten a consumer" }),
      }),
    );
    await expectAllSettled();
  });

  test("is noticed beside another one that has its hands full", async () => {
    const other = await connect(vhostUrl);
    const channel = await other.createChannel();
    await channel.prefetch(1);
    await start();
    await channel.consume(QUEUE, () => undefined);
    await forget();
    await tell("r-1", "r-2", "r-3");
    await eventually(() => expect(handled()).toHaveLength(2));
    await other.close();
    await eventually(() => expect(new Set(handled()).size).toBe(3));
    await expectAllSettled();
  });

  test("is told from one that has nothing to do, or much, or waits for its handler", async () => {
    const open = gate();
    await start();
    await tell(...ids(0, 5));
    await eventually(() => expect(handled()).toHaveLength(5));
    handle = () => open.passed;
    await tell(...ids(5, 10));
    // Many looks, at a queue and at a consumer that are well.
    const since = performance.now();
    await eventually(() => expect(performance.now() - since).toBeGreaterThan(1_000));
    open.open();
    await eventually(() => expect(handled()).toHaveLength(10));
    expect(testLog.lines.filter(({ level }) => level === "warn")).toEqual([]);
  });
});

describe("poison", () => {
  const secret = "s3cret-content";
  const valid = eventOf("order.created", someOrder());
  const poison: readonly (readonly [string, string | Buffer, string])[] = [
    ["not JSON", `{"note":"${secret}`, "not JSON"],
    ["empty", "", "not JSON"],
    ["not UTF-8", Buffer.from([0xff, 0xfe, 0x00]), "not JSON"],
    ["null", "null", "of a type that is not handled here"],
    ["a text", `"${secret}"`, "of a type that is not handled here"],
    ["a list", `["${secret}"]`, "of a type that is not handled here"],
    [
      "without a type",
      JSON.stringify({ ...valid, type: undefined }),
      "of a type that is not handled here",
    ],
    [
      "of an unknown type",
      JSON.stringify({ ...valid, type: secret }),
      "of a type that is not handled here",
    ],
    [
      "of a type that belongs elsewhere",
      JSON.stringify({ ...valid, type: "order.updated" }),
      "of a type that is not handled here",
    ],
    [
      "of the prototype's type",
      JSON.stringify({ ...valid, type: "constructor" }),
      "of a type that is not handled here",
    ],
    [
      "without its data",
      JSON.stringify({ ...valid, data: undefined }),
      "not a valid order.created: data",
    ],
    [
      "with wrong data",
      JSON.stringify({ ...valid, data: { ...valid.data, qty: secret } }),
      "not a valid order.created: data.qty",
    ],
    [
      "very large",
      JSON.stringify({ ...valid, data: { note: "x".repeat(5_000_000) } }),
      "larger than 262144 bytes",
    ],
    ["just too large", "[".repeat(MAX_MESSAGE_BYTES + 1), "larger than 262144 bytes"],
    ["just not too large, and deep", "[".repeat(MAX_MESSAGE_BYTES), "not JSON"],
    [
      "deep in its data",
      JSON.stringify(valid).replace(
        /"data":/,
        `$&${"[".repeat(100_000)}${"]".repeat(100_000)},"x":`,
      ),
      "not a valid order.created: data",
    ],
  ];

  test.each(poison)(
    "when a message is %s, then it is dead at once, as it was, and the log does not show it",
    async (_what, content, fault) => {
      await start();
      await put(content);
      const dead = await eventually(async () => {
        const message = await client.take(DEAD);
        expect(message).toBeDefined();
        return message!;
      });
      expect(dead.content.equals(Buffer.from(content))).toBe(true);
      expect(batches).toEqual([]);
      const line = testLog.lines.find(({ level }) => level === "error");
      expect(line).toMatchObject({ msg: "a message was dead-lettered", deadQueue: DEAD });
      expect(String(line?.["fault"])).toContain(fault);
      expect(JSON.stringify(testLog.lines)).not.toContain(secret);
      await expectAllSettled();
      expect(counts.deadLettered).toBe(1);
    },
  );

  test("when messages are too large, then they are dead at once, also while a batch waits", async () => {
    const first = gate();
    handle = () => first.passed;
    await start();
    await tell("r-0");
    await eventually(() => expect(batches).toHaveLength(1));
    for (let n = 0; n < 3; n += 1) await put("[".repeat(5_000_000));
    await tell("r-1");
    await eventually(async () => expect(await client.depth(DEAD)).toBe(3));
    expect(batches).toEqual([["r-0"]]);
    first.open();
    await eventually(() => expect(handled()).toEqual(["r-0", "r-1"]));
    await expectAllSettled();
  });

  test("when many are nearly too large, then few of them are parsed at a time", async () => {
    const padded = (requestId: string): string =>
      JSON.stringify(
        eventOf("order.created", someOrder(), { requestId, more: "x".repeat(250_000) }),
      );
    const first = gate();
    handle = () => first.passed;
    await start();
    await tell("r-0");
    await eventually(() => expect(batches).toHaveLength(1));
    for (const id of ids(1, 13)) await put(padded(id));
    await eventually(() => expect((consumer as any).subscription.waiting).toHaveLength(12));
    first.open();
    await eventually(() => expect(handled()).toEqual(ids(0, 13)));
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(5);
    await expectAllSettled();
  });

  test("when poison stands between good messages, then the good ones are handled and only the poison is dead", async () => {
    for (const [index, id] of ids(0, 30).entries()) {
      await put(
        index % 3 === 0
          ? `poison ${index}`
          : JSON.stringify(eventOf("order.created", someOrder(), { requestId: id })),
      );
    }
    await start();
    await eventually(() => expect(handled()).toHaveLength(20));
    await eventually(async () => expect(await client.depth(DEAD)).toBe(10));
    await expectAllSettled();
    expect(counts).toMatchObject({ taken: 30, deadLettered: 10, retried: 0 });
  });
});

describe("a data error", () => {
  test("when one of a batch can't be handled, then it alone is dead, and the others are handled one by one", async () => {
    const first = gate();
    handle = async (events) => {
      if (batches.length === 1) return first.passed;
      if (events.some(({ requestId }) => requestId === "r-5")) throw badData();
    };
    await start();
    await tell("r-0");
    await eventually(() => expect(batches).toHaveLength(1));
    for (const id of ids(1, 10)) await tell(id);
    await eventually(async () => expect(await client.depth(QUEUE)).toBe(0));
    first.open();

    await eventually(async () => expect(await client.depth(DEAD)).toBe(1));
    await eventually(() => expect(consumer.depths).toEqual({ waiting: 0, dead: 1 }));
    await eventually(() => expect(batches.at(-1)).toEqual(["r-9"]));
    const dead = await client.take(DEAD);
    expect(JSON.parse(dead!.content.toString())).toMatchObject({ requestId: "r-5" });
    const alone = batches.filter(({ length }) => length === 1).flat();
    expect(alone).toEqual(expect.arrayContaining(ids(1, 10)));
    expect(testLog.lines.filter(({ level }) => level === "error")).toMatchObject([
      { fault: "could not be handled", err: { code: "23514", message: "broken rule" } },
    ]);
    await expectAllSettled();
    expect(counts.deadLettered).toBe(1);
    // Who can't look knows nothing.
    await proxy.cut();
    await eventually(() => expect(consumer.depths).toEqual({ waiting: NaN, dead: NaN }));
    await proxy.restore();
    expect(counts.retried).toBe(0);
  });

  test("when the database goes away while a batch is split, then nobody is dead for it", async () => {
    let away = 2;
    handle = async (events) => {
      if (events.length > 1) throw badData();
      if (events[0]?.requestId === "r-1" && away > 0) {
        away -= 1;
        throw databaseAway();
      }
    };
    for (const id of ids(0, 4)) await tell(id);
    await start();
    await eventually(() => expect(batches.at(-1)).toEqual(["r-3"]));
    await expectAllSettled();
    expect(await client.depth(DEAD)).toBe(0);
    expect(counts.deadLettered).toBe(0);
    expect(away).toBe(0);
  });
});

describe("trouble of the database", () => {
  test("when it is away, then the batch waits unacked and is handled when it is back", async () => {
    let left = 3;
    handle = async () => {
      left -= 1;
      if (left >= 0) throw databaseAway();
    };
    for (const id of ids(0, 5)) await tell(id);
    await start();
    await eventually(() => expect(counts.retried).toBe(3));
    await eventually(() => expect(batches.length).toBeGreaterThan(3));
    await eventually(() => expect(counts.taken).toBe(5));
    // The same messages in each try.
    expect(new Set(batches.slice(0, 4).map((batch) => batch.join()))).toHaveLength(1);
    await expectAllSettled();
    expect(await client.depth(DEAD)).toBe(0);
    expect(
      testLog.lines.filter(({ msg }) => msg === "a batch waits for the database"),
    ).toMatchObject([{ err: { code: "ECONNREFUSED" } }, {}, {}]);
  });

  test.each([1, 5])(
    "when the consumer is stopped in the middle of a retry of %d, then nothing is acked and none dead",
    async (count) => {
      handle = () => Promise.reject(databaseAway());
      for (const id of ids(0, count)) await tell(id);
      await start();
      await eventually(() => expect(counts.retried).toBeGreaterThan(0));
      await stop();
      await eventually(async () => expect(await client.depth(QUEUE)).toBe(count));
      expect(await client.depth(DEAD)).toBe(0);
    },
  );

  test("when the connection is lost meanwhile, then the messages come again and are handled, none dead", async () => {
    let away = true;
    handle = () => (away ? Promise.reject(databaseAway()) : Promise.resolve());
    for (const id of ids(0, 5)) await tell(id);
    await start();
    await eventually(() => expect(counts.retried).toBeGreaterThan(0));
    await proxy.cut();
    await eventually(() => expect(consumer.consuming).toBe(false));
    await proxy.restore();
    away = false;
    await eventually(() => expect(consumer.consuming).toBe(true));
    await eventually(() => expect(new Set(handled())).toHaveLength(5));
    await untilAllSettled();
    expect(await client.depth(DEAD)).toBe(0);
  });
});

describe("a connection that is lost", () => {
  test("when it is cut during a batch, then the batch comes again on the next session", async () => {
    const first = gate();
    handle = () => (batches.length === 1 ? first.passed : Promise.resolve());
    await start();
    await tell("r-1");
    await eventually(() => expect(batches).toHaveLength(1));
    await proxy.cut();
    await eventually(() => expect(consumer.consuming).toBe(false));
    await proxy.restore();
    // The next session waits for the batch in hand, so that no two are ever handled at once.
    await eventually(() => expect(testLog.lines.length).toBeGreaterThan(1));
    expect(batches).toHaveLength(1);
    first.open();
    await eventually(() => expect(handled()).toEqual(["r-1", "r-1"]));
    await expectAllSettled();
  });

  test("when it is cut again and again under load, then every message is handled and none is dead", async () => {
    handle = () => new Promise((resolve) => setImmediate(resolve));
    await start();
    const all = ids(0, 400);
    const telling = (async () => {
      for (const id of all) await tell(id);
    })();
    for (let round = 0; round < 5; round += 1) {
      const before = handled().length;
      await eventually(() => expect(handled().length).toBeGreaterThan(before));
      await proxy.cut();
      await eventually(() => expect(consumer.consuming).toBe(false));
      await proxy.restore();
      await eventually(() => expect(consumer.consuming).toBe(true));
      if (new Set(handled()).size === all.length) break;
    }
    await telling;
    await eventually(() => expect(new Set(handled())).toHaveLength(400));
    await untilAllSettled();
    expect(await client.depth(DEAD)).toBe(0);
  });

  test("when the queue is deleted, then it is declared again and consumed", async () => {
    await start();
    await client.deleteQueue(QUEUE);
    await eventually(() => expect(consumer.consuming).toBe(false));
    await eventually(() => expect(consumer.consuming).toBe(true));
    await tell("r-after");
    await eventually(() => expect(handled()).toEqual(["r-after"]));
    await expectAllSettled();
  });

  test("when its binding is removed, then it is bound again, though the broker says nothing", async () => {
    await start();
    await client.unbind(QUEUE, "order.created");
    await eventually(async () => {
      await tell("r-after");
      expect(handled().length).toBeGreaterThan(0);
    });
    expect(testLog.lines.filter(({ msg }) => msg === "broker connected")).toHaveLength(1);
    await untilAllSettled();
  });
});

describe("a suspect", () => {
  /** Takes all that waits and dies, as a process that a message kills. */
  async function dieHolding(count: number): Promise<void> {
    const model = await connect(vhostUrl);
    const channel = await model.createChannel();
    await eventually(async () => {
      expect((await channel.checkQueue(QUEUE)).messageCount).toBe(count);
    });
    for (let taken = 0; taken < count; taken += 1) await channel.get(QUEUE);
    await model.close();
  }

  test("when messages came back three times, then they are taken in small groups", async () => {
    const all = ids(0, 70);
    for (const id of all)
      await put(JSON.stringify(eventOf("order.created", someOrder(), { requestId: id })));
    for (let time = 0; time < 3; time += 1) await dieHolding(70);
    const held = gate();
    handle = () => held.passed;
    await start();
    await eventually(() => expect(batches).toHaveLength(1));
    const stopping = stop();
    held.open();
    await stopping;
    expect(batches[0]!.length).toBeGreaterThan(1);
    expect(batches[0]!.length).toBeLessThanOrEqual(30);
  });

  test("when messages came back five times, then they are taken one at a time", async () => {
    for (const id of ids(0, 4)) await tell(id);
    for (let time = 0; time < 5; time += 1) await dieHolding(4);
    await start();
    await eventually(() => expect(handled()).toHaveLength(4));
    expect(batches).toEqual([["r-0"], ["r-1"], ["r-2"], ["r-3"]]);
    await expectAllSettled();
  });

  test("when messages came back twice, then they still share a batch", async () => {
    for (const id of ids(0, 4)) await tell(id);
    for (let time = 0; time < 2; time += 1) await dieHolding(4);
    const first = gate();
    handle = () => first.passed;
    await start();
    await eventually(() => expect(batches).toHaveLength(1));
    first.open();
    await eventually(() => expect(handled()).toHaveLength(4));
    expect(batches.length).toBeLessThan(4);
    await expectAllSettled();
  });
});

test("when a publisher has written a count of deliveries itself, then its messages still share a batch", async () => {
  const own = await connect(vhostUrl);
  const channel = await own.createConfirmChannel();
  for (const id of ids(0, 20)) {
    const event = eventOf("order.created", someOrder(), { requestId: id });
    const headers = { "x-delivery-count": 50 };
    channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify(event)), { headers });
  }
  await channel.waitForConfirms();
  const first = gate();
  handle = () => first.passed;
  await start();
  await eventually(() => expect(batches).toHaveLength(1));
  await eventually(async () => expect(await client.depth(QUEUE)).toBe(0));
  first.open();
  await eventually(() => expect(handled()).toEqual(ids(0, 20)));
  expect(batches.length).toBeLessThan(20);
  await own.close();
  await expectAllSettled();
});

test("when a message with a publisher's own count comes back, then it has the broker's count", async () => {
  const own = await connect(vhostUrl);
  const channel = await own.createConfirmChannel();
  channel.sendToQueue(QUEUE, Buffer.from("{}"), { headers: { "x-delivery-count": 50 } });
  await channel.waitForConfirms();
  await eventually(async () => expect(await channel.get(QUEUE)).not.toBe(false));
  await own.close();
  const again = await eventually(async () => {
    const message = await client.take(QUEUE);
    expect(message).toBeDefined();
    return message!;
  });
  expect(again.fields.redelivered).toBe(true);
  expect(again.properties.headers?.["x-delivery-count"]).toBe(1);
});

describe("when it is stopped", () => {
  test("in the middle of a batch, then the batch is finished and acked, and the rest stays in the queue", async () => {
    const first = gate();
    handle = () => first.passed;
    await start();
    await tell("r-0");
    await eventually(() => expect(batches).toHaveLength(1));
    await tell(...ids(1, 6));
    await eventually(async () => expect(await client.depth(QUEUE)).toBe(0));
    const stopping = stop();
    first.open();
    await stopping;
    expect(handled()).toEqual(["r-0"]);
    await eventually(async () => expect(await client.depth(QUEUE)).toBe(5));
  });

  test("and the batch does not end in time, then it goes on all the same, and nothing is acked", async () => {
    handle = () => new Promise(() => undefined);
    await start();
    await tell("r-0");
    await eventually(() => expect(batches).toHaveLength(1));
    const startedAt = performance.now();
    await stop();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(testLog.lines.at(-1)).toMatchObject({ level: "warn" });
    await eventually(async () => expect(await client.depth(QUEUE)).toBe(1));
  });

  test("before it ever consumed, then nothing is taken any more", async () => {
    await tell("r-0");
    await proxy.cut();
    connection.start();
    await eventually(() => expect(testLog.lines).not.toEqual([]));
    await consumer.stop();
    await proxy.restore();
    await eventually(() => expect(connection.up).toBe(true));
    await connection.stop();
    expect(batches).toEqual([]);
    await eventually(async () => expect(await client.depth(QUEUE)).toBe(1));
  });

  test("while the broker hangs, then it stops in time", async () => {
    await start();
    proxy.stall();
    const startedAt = performance.now();
    await stop();
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    proxy.flow();
  });
});
