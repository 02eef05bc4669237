import { eventually } from "@shop/test-support/eventually";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase } from "../kit.fixture.ts";
import {
  createPlace,
  idsOf,
  inOrder,
  startBench,
  write,
  writeMany,
  writeTogether,
  type Bench,
  type Place,
} from "./relay.fixture.ts";
import { UnitOfWork } from "./unit-of-work.ts";

let place: Place;
let bench: Bench;

beforeAll(async () => {
  place = await createPlace();
});
afterAll(() => place.sql.end());
beforeEach(async () => {
  bench = await startBench(place);
});
afterEach(() => bench.stop());

describe("a writer that died", () => {
  test("between commit and publishing, then another relay takes its rows when the lease is over, and not before", async () => {
    const dead = new UnitOfWork(bench.writer.database, { offer: () => undefined });
    const heard = await bench.client.receive("order.created");
    const startedAt = performance.now();
    await writeMany(0, 5, { work: dead });
    await eventually(() => expect(heard).toHaveLength(5));
    expect(performance.now() - startedAt).toBeGreaterThan(2_900);
    expect(inOrder(heard)).toEqual(idsOf(0, 5));
    await place.untilEmpty();
  });
});

describe("a broker that is away", () => {
  test("when it goes, then writes go on and rows are kept, and when it comes back then all is published", async () => {
    const heard = await bench.client.receive("order.created");
    await bench.toBroker.cut();
    await eventually(() => expect(bench.writer.publisher.available).toBe(false));
    await writeMany(0, 30, bench.writer);
    expect(await place.waiting()).toHaveLength(30);
    expect(heard).toEqual([]);
    await bench.toBroker.restore();
    await eventually(() => expect(inOrder(heard)).toEqual(idsOf(0, 30)));
    await place.untilEmpty();
  });

  test("when it is lost under load again and again, then nothing is lost and the outbox gets empty", async () => {
    const heard = await bench.client.receive("order.created");
    const writing = (async () => {
      for (let batch = 0; batch < 20; batch += 1)
        await writeMany(batch * 20, batch * 20 + 20, bench.writer);
    })();
    for (let round = 0; round < 3; round += 1) {
      await eventually(() => expect(heard.length).toBeGreaterThan(round * 20));
      await bench.toBroker.cut();
      await eventually(() => expect(bench.writer.publisher.available).toBe(false));
      await bench.toBroker.restore();
      await eventually(() => expect(bench.writer.publisher.available).toBe(true));
    }
    await writing;
    await place.untilEmpty();
    await eventually(() => expect(new Set(heard.map(({ requestId }) => requestId)).size).toBe(400));
  });

  test("when it takes its time to confirm, then its rows stay leased, and are not published again", async () => {
    const heard = await bench.client.receive("order.created");
    bench.toBroker.stall();
    await writeTogether(0, 3, bench.writer);
    const leasedUntil = async () => {
      const [row] = await place.sql<{ leased: string }>(
        "SELECT min(leased_until)::text AS leased FROM outbox",
      );
      return row!.leased;
    };
    for (let renewal = 0; renewal < 3; renewal += 1) {
      const before = await leasedUntil();
      await eventually(async () => expect(await leasedUntil()).not.toBe(before));
    }
    bench.toBroker.flow();
    await place.untilEmpty();
    await eventually(() => expect(inOrder(heard)).toEqual(idsOf(0, 3)));
    expect(bench.writer.counts.confirmed).toBe(3);
  });

  test("when it hangs, then the stop does not wait for it, and the rows are kept", async () => {
    await write(1, bench.writer);
    await place.untilEmpty();
    bench.toBroker.stall();
    const dead = new UnitOfWork(bench.writer.database, { offer: () => undefined });
    await write(2, bench.writer);
    await write(3, { work: dead });
    await place.sql("UPDATE outbox SET leased_until = now() WHERE subject = '3'");
    await eventually(async () => {
      const [row] = await place.sql(
        "SELECT 1 FROM outbox WHERE subject = '3' AND leased_until > now()",
      );
      expect(row).toBeDefined();
    });
    const startedAt = performance.now();
    await bench.writer.relay.stop();
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(bench.writer.lines.at(-1)).toMatchObject({
      level: "warn",
      msg: expect.stringContaining("did not drain in time"),
    });
    expect(await place.waiting()).toHaveLength(2);
    bench.toBroker.flow();
  });
});

describe("a database that is away", () => {
  test("when it goes between publishing and the mark, then the event is told again later, and the row goes", async () => {
    const heard = await bench.client.receive("order.created");
    await write(1, bench.writer);
    await bench.toDatabase.cut();
    await eventually(() => expect(heard).toHaveLength(1));
    await eventually(() =>
      expect(bench.writer.lines).toContainEqual(
        expect.objectContaining({ msg: "published rows will be published again", rows: 1 }),
      ),
    );
    await bench.toDatabase.restore();
    await place.untilEmpty();
    expect(inOrder(heard)).toEqual(["r-1", "r-1"]);
  });

  test("when the poller can't read, then it says so and goes on when the database is back", async () => {
    await bench.toDatabase.cut();
    await eventually(() =>
      expect(bench.writer.lines).toContainEqual(
        expect.objectContaining({ msg: "the relay could not read its outbox" }),
      ),
    );
    await bench.toDatabase.restore();
    const direct = createTestDatabase(place.databaseUrl);
    await direct.start();
    await eventually(() => expect(direct.connected).toBe(true));
    const dead = new UnitOfWork(direct, { offer: () => undefined });
    await write(1, { work: dead });
    await place.sql("UPDATE outbox SET leased_until = now()");
    await place.untilEmpty();
    await direct.stop();
  });
});
