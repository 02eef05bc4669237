import { setImmediate as nextTurn } from "node:timers/promises";
import { beBusy } from "@shop/test-support/be-busy";
import { eventually } from "@shop/test-support/eventually";
import { connectRedis } from "@shop/test-support/redis-client";
import { startRedis } from "local-stack/servers/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestLog } from "../kit.fixture.ts";
import { RedisCache } from "./redis-cache.ts";

/** The limit for one command, and time for a busy machine; far below the 3 s after which a silent Redis is cut off. */
const BOUND_MS = 1_000;

let redis: Awaited<ReturnType<typeof startRedis>>;
let direct: Awaited<ReturnType<typeof connectRedis>>;
let cache: RedisCache;
let testLog: ReturnType<typeof createTestLog>;

beforeAll(async () => {
  redis = await startRedis({ name: "cache-redis" });
  direct = await connectRedis(redis.url);
});
afterAll(async () => {
  direct.destroy();
  await redis.stop();
});
beforeEach(async () => {
  testLog = createTestLog();
  cache = new RedisCache(redis.url, testLog.log);
  cache.start();
  await eventually(() => expect(cache.connected).toBe(true));
  await direct.flushAll();
});
afterEach(() => cache.stop());

const get = (key: string) => cache.ask((client) => client.get(key));

async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const startedAt = performance.now();
  const value = await work;
  return { value, ms: performance.now() - startedAt };
}

const messages = () => testLog.lines.map(({ msg }) => msg);

describe("while Redis is well", () => {
  test("when a key is there, then its value comes, and when it is not, then null and never undefined", async () => {
    await direct.set("product:1", "text");
    expect(await get("product:1")).toBe("text");
    expect(await get("product:2")).toBeNull();
    expect(await cache.answers()).toBe(true);
  });

  test("when a hundred are asked for at once, then each gets its own answer", async () => {
    const numbers = Array.from({ length: 100 }, (_, i) => String(i));
    await Promise.all(numbers.map((number) => direct.set(`k:${number}`, number)));
    // A busy machine may miss the bound for some; nobody ever gets another's.
    await eventually(async () => {
      expect(await Promise.all(numbers.map((number) => get(`k:${number}`)))).toEqual(numbers);
    });
  });

  test("when Redis refuses a command, then there is no answer, and the next command works", async () => {
    await direct.lPush("list", "x");
    expect(await get("list")).toBeUndefined();
    expect(await get("other")).toBeNull();
  });
});

describe("when this process is too busy for longer than an answer may take", () => {
  test("then what it has not even sent by then is still answered", async () => {
    await direct.set("a", "1");
    const answers: unknown[] = [];
    for (let time = 0; time < 5; time += 1) {
      const asked = get("a");
      beBusy(300);
      answers.push(await asked);
    }
    // On a busy machine Redis itself may be late once.
    expect(answers.filter((answer) => answer === "1").length).toBeGreaterThanOrEqual(4);
  });

  test("then an answer that came meanwhile counts", async () => {
    // Some 20 ms of work. A loop on TIME would never end: from Redis 8 and Valkey 9 on it stands still inside a script.
    const slow = "for _ = 1, 2000000 do end return 'slow'";
    const asked = cache.ask((client) => client.eval(slow));
    // Until it is on its way; it takes longer to come back.
    await nextTurn();
    await nextTurn();
    beBusy(300);
    expect(await asked).toBe("slow");
  });
});

describe("when Redis is dead", () => {
  test("then answers come at once without it, the log says so once, and it is used again when it is back", async () => {
    await direct.set("a", "1");
    await redis.kill();
    await eventually(() => expect(cache.connected).toBe(false));
    const startedAt = performance.now();
    for (let time = 0; time < 20; time += 1) {
      expect(await get("a")).toBeUndefined();
    }
    expect(await cache.answers()).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(BOUND_MS);

    await redis.restart();
    await eventually(() => expect(cache.connected).toBe(true));
    await eventually(async () => expect(await get("a")).toBeNull());
    const warnings = messages().filter((text) => text.includes("redis is not there"));
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings.length).toBeLessThan(4);
    expect(messages().at(-1)).toBe("redis connected");
  });

  test("and was never there, then the service does not wait for it, and it is used when it comes", async () => {
    await redis.kill();
    const late = new RedisCache(redis.url, testLog.log);
    late.start();
    expect(await late.ask((client) => client.get("a"))).toBeUndefined();
    await redis.restart();
    await eventually(() => expect(late.connected).toBe(true));
    expect(await late.ask((client) => client.get("a"))).toBeNull();
    late.stop();
  });

  test("and the cache is stopped meanwhile, then it stops trying, and a second stop does no harm", async () => {
    await redis.kill();
    await eventually(() => expect(cache.connected).toBe(false));
    cache.stop();
    cache.stop();
    await redis.restart();
    expect(cache.connected).toBe(false);
    expect(await get("a")).toBeUndefined();
  });
});

describe("when Redis hangs", () => {
  afterEach(() => redis.resume());

  test("then the first askers wait for a bounded time, the later ones not at all, and it is used again when it answers", async () => {
    await direct.set("a", "1");
    await redis.pause();
    const first = await Promise.all(Array.from({ length: 3 }, () => timed(get("a"))));
    for (const { value, ms } of first) {
      expect(value).toBeUndefined();
      expect(ms).toBeLessThan(BOUND_MS);
    }
    // The breaker is open: a hundred, one after the other, would take 8 s if each waited.
    const { ms } = await timed(
      (async () => {
        for (let time = 0; time < 100; time += 1) expect(await get("a")).toBeUndefined();
      })(),
    );
    expect(ms).toBeLessThan(BOUND_MS);
    expect(messages()).toContain("redis does not answer in time; going on without it");

    await redis.resume();
    await eventually(async () => expect(await get("a")).toBe("1"));
    expect(messages()).toContain("redis answers again");
  });

  test("then writers do not wait either, and Redis hears what they wrote when it listens again", async () => {
    await redis.pause();
    while (!messages().includes("redis does not answer in time; going on without it"))
      await get("a");
    const { ms } = await timed(
      (async () => {
        for (let time = 0; time < 100; time += 1)
          await cache.send((client) => client.set(`w:${time}`, "new"));
      })(),
    );
    expect(ms).toBeLessThan(BOUND_MS);
    await redis.resume();
    await eventually(async () => expect(await direct.get("w:99")).toBe("new"));
    expect(await direct.dbSize()).toBe(100);
  });

  test("and writers have much to say, then what is too much is dropped", async () => {
    await redis.pause();
    await Promise.all(
      Array.from({ length: 3_000 }, (_, n) => cache.send((client) => client.set(`w:${n}`, "new"))),
    );
    await redis.resume();
    await eventually(async () => expect(await cache.answers()).toBe(true));
    expect(await direct.dbSize()).toBeLessThanOrEqual(2_000);
  });

  test("for long, then the connection is cut and made again, and what was asked never comes late", async () => {
    await redis.pause();
    await eventually(() => expect(cache.connected).toBe(false));
    const { value, ms } = await timed(get("a"));
    expect(value).toBeUndefined();
    expect(ms).toBeLessThan(BOUND_MS);
    await redis.resume();
    await eventually(() => expect(cache.connected).toBe(true));
    await eventually(async () => expect(await get("a")).toBeNull());
  });

  test("from the start, then nobody waits, and it is used when it answers", async () => {
    await redis.pause();
    const late = new RedisCache(redis.url, testLog.log);
    late.start();
    const { value, ms } = await timed(late.ask((client) => client.get("a")));
    expect(value).toBeUndefined();
    expect(ms).toBeLessThan(BOUND_MS);
    await redis.resume();
    await eventually(() => expect(late.connected).toBe(true));
    late.stop();
  });
});

test("when it was never started, then it has no answer, and stopping does no harm", async () => {
  const unused = new RedisCache(redis.url, testLog.log);
  await unused.send((client) => client.set("a", "1"));
  expect(await unused.ask((client) => client.get("a"))).toBeUndefined();
  expect(await unused.answers()).toBe(false);
  expect(() => unused.stop()).not.toThrow();
});
