import { eventually } from "@shop/test-support/eventually";
import { connectRedis } from "@shop/test-support/redis-client";
import { startRedis } from "local-stack/servers/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestLog } from "../kit.fixture.ts";
import { RedisCache } from "./redis-cache.ts";

let redis: Awaited<ReturnType<typeof startRedis>>;
let direct: Awaited<ReturnType<typeof connectRedis>>;
let cache: RedisCache;

beforeAll(async () => {
  redis = await startRedis({ name: "scripts-redis" });
  direct = await connectRedis(redis.url);
  cache = new RedisCache(redis.url, createTestLog().log);
  cache.start();
  await eventually(() => expect(cache.connected).toBe(true));
});
afterAll(async () => {
  cache.stop();
  direct.destroy();
  await redis.stop();
});
beforeEach(() => direct.flushAll());

describe("a versioned value", () => {
  const KEY = "product:26";
  /** Longer than versions decide, so that a value from before that is still there. */
  const TTL_MS = 60_000;
  const HIGHEST = Number.MAX_SAFE_INTEGER;
  const store = (version: number, more: object = {}, asOf: number = Date.now()) => {
    const text = JSON.stringify({ id: 26, name: "x", ...more, version });
    // A busy machine may miss the bound of a call; the same again changes nothing.
    return eventually(async () => {
      const stored = await cache.ask((client) =>
        client.storeVersioned([{ key: KEY, version, text, asOf, ttlMs: TTL_MS }]),
      );
      expect(stored).toBeDefined();
      return stored;
    });
  };
  const versionThere = async (): Promise<unknown> =>
    (JSON.parse((await direct.get(KEY)) ?? "{}") as { version?: number }).version;

  test("when nothing is there, then it is stored as plain text that ends by itself", async () => {
    expect(await store(3)).toBe(1);
    expect(await direct.get(KEY)).toBe('{"id":26,"name":"x","version":3}');
    const restMs = await direct.pTTL(KEY);
    expect(restMs).toBeGreaterThan(TTL_MS - 2_000);
    expect(restMs).toBeLessThanOrEqual(TTL_MS);
  });

  test("when it was so some time ago, then it ends that much earlier", async () => {
    await store(3, {}, Date.now() - 10_000);
    expect(await direct.pTTL(KEY)).toBeLessThanOrEqual(TTL_MS - 10_000);
  });

  test("when one is from more than 5 seconds later, then it takes the place of any version, and keeps it", async () => {
    const now = Date.now();
    expect(await store(HIGHEST, {}, now - 5_001)).toBe(1);
    expect(await store(50, {}, now)).toBe(1);
    expect(await store(HIGHEST, {}, now - 5_001)).toBe(0);
    expect(await versionThere()).toBe(50);
  });

  test("when two are of the same 5 seconds, then the version decides, whichever is later", async () => {
    const now = Date.now();
    expect(await store(5, {}, now - 5_000)).toBe(1);
    expect(await store(4, {}, now)).toBe(0);
    expect(await store(6, {}, now - 5_000)).toBe(1);
    expect(await versionThere()).toBe(6);
  });

  test.each([
    ["never ends", {}],
    ["ends later than any of ours", { PX: TTL_MS + 6_000 }],
  ])("when the one there %s, then it is replaced, whatever its version", async (_, options) => {
    await direct.set(KEY, JSON.stringify({ id: 26, version: HIGHEST }), options);
    expect(await store(1)).toBe(1);
    expect(await versionThere()).toBe(1);
    expect(await direct.pTTL(KEY)).toBeGreaterThan(0);
  });

  test("when a newer one is there, then it stays, whatever order the writers come in", async () => {
    expect(await store(5)).toBe(1);
    expect(await store(4)).toBe(0);
    expect(await store(10)).toBe(1);
    expect(await store(9)).toBe(0);
    expect(await versionThere()).toBe(10);
  });

  test("when something else is under the key, then it is replaced", async () => {
    await direct.lPush(KEY, "no text");
    expect(await store(1)).toBe(1);
    expect(await versionThere()).toBe(1);
  });

  test("when several come at once, then each is compared with its own", async () => {
    await store(5);
    const text = JSON.stringify({ id: 27, version: 1 });
    const both = [
      {
        key: KEY,
        version: 4,
        text: JSON.stringify({ id: 26, version: 4 }),
        asOf: Date.now(),
        ttlMs: TTL_MS,
      },
      { key: "product:27", version: 1, text, asOf: Date.now(), ttlMs: TTL_MS },
    ];
    await eventually(async () =>
      expect(await cache.ask((client) => client.storeVersioned(both))).toBe(1),
    );
    expect(await versionThere()).toBe(5);
    expect(await direct.get("product:27")).toBe(text);
  });

  test("when the same version is there, then it may be stored again", async () => {
    await store(5);
    expect(await store(5, { name: "y" })).toBe(1);
    expect(await direct.get(KEY)).toContain('"y"');
  });

  test("when a product was deleted, then a reader that was slow can't bring it back", async () => {
    const text = JSON.stringify({ id: 26, version: 8, deleted: true });
    await cache.ask((client) =>
      client.storeVersioned([{ key: KEY, version: 8, text, asOf: Date.now(), ttlMs: TTL_MS }]),
    );
    expect(await store(7)).toBe(0);
    expect(await direct.get(KEY)).toBe(text);
  });

  test("when fifty writers come in any order at once, then the newest stays", async () => {
    const versions = Array.from({ length: 50 }, (_, i) => i + 1).toSorted(
      () => Math.random() - 0.5,
    );
    await Promise.all(versions.map((version) => store(version)));
    expect(await versionThere()).toBe(50);
  });

  test("when a name looks like a version, then it is not taken for one", async () => {
    await store(2, { name: '"version":99' });
    expect(await store(3, { name: '\\"version":98,' })).toBe(1);
    expect(await store(4)).toBe(1);
    expect(await versionThere()).toBe(4);
  });

  test("when what is there is not ours, then it is replaced", async () => {
    await direct.set(KEY, "rubbish");
    expect(await store(1)).toBe(1);
    expect(await versionThere()).toBe(1);
  });

  test("when Redis was restarted and has forgotten the script, then it is stored all the same", async () => {
    await store(1);
    await redis.restart();
    await eventually(async () => expect(await store(2)).toBe(1));
    await eventually(async () => expect(await versionThere()).toBe(2));
  });
});

describe("a list with a token", () => {
  const keys = { list: "orders:product:26", token: "orders:product:26:token" };
  const read = async () => (await cache.ask((client) => client.get(keys.token))) ?? "";
  const store = (token: string, text: string) =>
    cache.ask((client) => client.storeIfUnchanged(keys, { token, text }, 5_000));
  const forget = (token: string) =>
    cache.ask((client) => client.forgetLists([keys], token, 60_000));

  test("when nobody wrote since the reader looked, then its list is stored, also for the very first time", async () => {
    const token = await read();
    expect(token).toBe("");
    expect(await store(token, "[1]")).toBe(1);
    expect(await direct.get(keys.list)).toBe("[1]");
    expect(await direct.pTTL(keys.list)).toBeLessThanOrEqual(5_000);
  });

  test("when somebody wrote between the look and the store, then the old list is not stored", async () => {
    const token = await read();
    await forget("t-1");
    expect(await store(token, "[old]")).toBe(0);
    expect(await direct.get(keys.list)).toBeNull();
    expect(await store(await read(), "[new]")).toBe(1);
  });

  test("when somebody writes, then the list there is gone, and the token ends by itself", async () => {
    await store(await read(), "[1]");
    expect(await forget("t-1")).toBe(1);
    expect(await forget("t-2")).toBe(0);
    expect(await direct.get(keys.list)).toBeNull();
    expect(await direct.get(keys.token)).toBe("t-2");
    expect(await direct.pTTL(keys.token)).toBeGreaterThan(0);
  });

  test("when several lists change at once, then all of them are gone", async () => {
    const more = { list: "orders:product:27", token: "orders:product:27:token" };
    await store(await read(), "[1]");
    await direct.set(more.list, "[2]");
    expect(await cache.ask((client) => client.forgetLists([keys, more], "t", 60_000))).toBe(2);
    expect(await direct.mGet([keys.token, more.token])).toEqual(["t", "t"]);
  });

  test("when the token has ended meanwhile, then the old list is not stored", async () => {
    await forget("t-1");
    const token = await read();
    await direct.del(keys.token);
    expect(await store(token, "[old]")).toBe(0);
  });
});
