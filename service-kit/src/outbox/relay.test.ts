import { EVENTS_EXCHANGE, ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { connect, type ChannelModel } from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { someOrder } from "../kit.fixture.ts";
import { declareEverything } from "../messaging/declare-all.ts";
import { insertLeased, type OutboxRow } from "./outbox.sql.ts";
import {
  createPlace,
  idsOf,
  inOrder,
  startBench,
  startWriter,
  write,
  writeMany,
  writeTogether,
  type Bench,
  type Place,
} from "./relay.fixture.ts";

const QUEUE = ORDER_CREATED_QUEUE.name;

let place: Place;
let bench: Bench;
let model: ChannelModel;

beforeAll(async () => {
  place = await createPlace();
  model = await connect(place.vhostUrl);
});
afterAll(() => Promise.all([place.sql.end(), model.close()]));
beforeEach(async () => {
  bench = await startBench(place);
});
afterEach(() => bench.stop());

const someRows = (count: number): OutboxRow[] =>
  Array.from({ length: count }, (_, i) => {
    const id = crypto.randomUUID();
    const payload = JSON.stringify({ requestId: `r-${i}` });
    return { id, type: "order.created", subject: String(i), requestId: `r-${i}`, payload };
  });

describe("what was committed", () => {
  test("is published right away, once, and nothing is left in the outbox", async () => {
    const heard = await bench.client.receive("order.created");
    const startedAt = performance.now();
    await write(1, bench.writer);
    await eventually(() => expect(inOrder(heard)).toEqual(["r-1"]));
    // From memory: the poller would have to wait for the end of the lease.
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    await place.untilEmpty();
    expect(bench.writer.counts).toEqual({ confirmed: 1, returned: 0, refused: 0, unknown: 0 });
    expect(bench.writer.lines).toContainEqual(
      expect.objectContaining({ msg: "event published", event: "order.created", requestId: "r-1" }),
    );
  });

  test("by hundreds at once is published, and nothing is left in the outbox", async () => {
    const heard = await bench.client.receive("order.created");
    await Promise.all(
      Array.from({ length: 12 }, (_, at) => writeTogether(at * 50, at * 50 + 50, bench.writer)),
    );
    // On a busy machine a lease may end before its mark: told twice is allowed, not told is not.
    await eventually(() => expect([...new Set(inOrder(heard))]).toEqual(idsOf(0, 600)));
    await place.untilEmpty();
    expect(bench.writer.counts.confirmed).toBeGreaterThanOrEqual(600);
  });

  test("and rolled back is never published", async () => {
    const heard = await bench.client.receive("order.created");
    const failing = bench.writer.work.transact(async ({ emit }) => {
      emit("order.created", { subject: 1, requestId: "r-rolled-back", data: someOrder() });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    await write(2, bench.writer);
    await eventually(() => expect(heard).toHaveLength(1));
    await place.untilEmpty();
    expect(heard[0]?.requestId).toBe("r-2");
  });

  test("just before the stop is published before it, and nothing is left in the outbox", async () => {
    const heard = await bench.client.receive("order.created");
    await writeMany(0, 50, bench.writer);
    await bench.writer.stop();
    expect(await place.waiting()).toEqual([]);
    await eventually(() => expect(inOrder(heard)).toEqual(idsOf(0, 50)));
  });

  test("and left behind by a writer that died is shared by two relays, and each event is published once", async () => {
    const other = await startWriter(place.databaseUrl, place.vhostUrl);
    const heard = await bench.client.receive("order.created");
    await insertLeased(bench.writer.database.sql, someRows(1_300), -1);
    await place.untilEmpty();
    await eventually(() => expect(heard).toHaveLength(1_300));
    expect(inOrder(heard)).toEqual(idsOf(0, 1_300));
    expect(bench.writer.counts.confirmed + other.counts.confirmed).toBe(1_300);
    await other.stop();
  });
});

describe("an event that no queue takes", () => {
  test("when its queue was deleted, then it stays in the outbox, and is published when the queue is declared again", async () => {
    await bench.client.deleteQueue(QUEUE);
    await write(1, bench.writer);
    await eventually(() => expect(bench.writer.counts.returned).toBeGreaterThan(0));
    await eventually(async () => expect(await place.waiting()).toEqual([{ subject: "1" }]));
    await declareEverything(place.vhostUrl);
    await eventually(async () => expect(await bench.client.depth(QUEUE)).toBe(1));
    await place.untilEmpty();
    expect(bench.writer.lines).toContainEqual(
      expect.objectContaining({ level: "warn", count: 1, type: "order.created" }),
    );
  });

  test("when its queue is not bound any more, then others are not held up, and it is published when it is bound again", async () => {
    const heard = await bench.client.receive("order.updated");
    await bench.client.unbind(QUEUE, "order.created");
    await write(1, bench.writer);
    await bench.writer.work.transact(async ({ emit }) => {
      const data = {
        orderId: someOrder().id,
        productId: 26,
        status: "done",
        reason: null,
        decidedAt: new Date().toISOString(),
      } as const;
      emit("order.updated", { subject: 2, data });
    });
    await eventually(() => expect(heard).toHaveLength(1));
    await eventually(async () => expect(await place.waiting()).toEqual([{ subject: "1" }]));
    await declareEverything(place.vhostUrl);
    await eventually(async () => expect(await bench.client.depth(QUEUE)).toBe(1));
    await place.untilEmpty();
  });

  test("when a queue is full, then it is kept, and published when there is room", async () => {
    const channel = await model.createChannel();
    await channel.assertQueue("tiny", {
      exclusive: true,
      arguments: { "x-max-length": 1, "x-overflow": "reject-publish" },
    });
    await channel.bindQueue("tiny", EVENTS_EXCHANGE, "order.created");
    await write(1, bench.writer);
    await place.untilEmpty();
    await write(2, bench.writer);
    await eventually(() => expect(bench.writer.counts.refused).toBe(1));
    expect(await place.waiting()).toEqual([{ subject: "2" }]);
    await channel.purgeQueue("tiny");
    await place.untilEmpty();
    expect(bench.writer.counts.confirmed).toBe(2);
    await channel.deleteQueue("tiny");
  });

  test("when a queue is full and thousands wait, then they are tried ever less often", async () => {
    const channel = await model.createChannel();
    await channel.assertQueue("none", {
      exclusive: true,
      arguments: { "x-max-length": 0, "x-overflow": "reject-publish" },
    });
    await channel.bindQueue("none", EVENTS_EXCHANGE, "order.created");
    await insertLeased(bench.writer.database.sql, someRows(3_000), -1);
    await eventually(() => expect(bench.writer.counts.refused).toBe(500));
    const startedAt = performance.now();
    await eventually(() => expect(bench.writer.counts.refused).toBe(2_000));
    // 200, 400 and 800 ms at least.
    expect(performance.now() - startedAt).toBeGreaterThan(1_300);
    await channel.deleteQueue("none");
    await place.untilEmpty();
    expect(bench.writer.counts.confirmed).toBe(3_000);
  });
});
