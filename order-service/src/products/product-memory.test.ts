import { describe, expect, test } from "vitest";
import { ProductMemory } from "./product-memory.ts";

const ALWAYS = { rememberedMs: 3_600_000, ageMs: 3_600_000 };

const product = (id: number, version = 1) => ({
  id,
  version,
  priceCents: 100,
  asOf: Date.now(),
});

const FRESH = { rememberedMs: 1_000, ageMs: 5_000 };
const SECOND_MS = 1_000;
const HIGHEST = Number.MAX_SAFE_INTEGER;

test("holds 10,000 products and forgets the one that was put the longest ago", () => {
  const memory = new ProductMemory();
  for (let id = 1; id <= 10_000; id += 1) memory.putEvent(product(id));
  memory.putEvent(product(1, 2));
  memory.putEvent(product(10_001));
  expect(memory.get(1, ALWAYS)).toMatchObject({ version: 2 });
  expect(memory.get(2, ALWAYS)).toBeUndefined();
  expect(memory.get(3, ALWAYS)).toBeDefined();
  expect(memory.get(10_001, ALWAYS)).toBeDefined();
});

describe("an event", () => {
  test("of an older version does not replace a newer one, and the newer one is answered", () => {
    const memory = new ProductMemory();
    const newer = product(1, 5);
    memory.putEvent(newer);
    expect(memory.putEvent({ ...product(1, 4), priceCents: null })).toEqual(newer);
    expect(memory.get(1, ALWAYS)).toEqual(newer);
  });

  test("of the same version and an earlier time changes nothing", () => {
    const memory = new ProductMemory();
    const later = { ...product(1), priceCents: 300 };
    memory.putEvent(later);
    memory.putEvent({ ...product(1), asOf: later.asOf - 1 });
    expect(memory.get(1, ALWAYS)).toEqual(later);
  });

  test("from more than 5 seconds later replaces any version", () => {
    const memory = new ProductMemory();
    const now = Date.now();
    memory.putEvent({ ...product(1, HIGHEST), asOf: now - 5 * SECOND_MS - 1 });
    const later = { ...product(1, 50), priceCents: 300, asOf: now };
    expect(memory.putEvent(later)).toEqual(later);
    // And the other way round.
    memory.putEvent({ ...product(1, HIGHEST), asOf: now - 5 * SECOND_MS - 1 });
    expect(memory.get(1, ALWAYS)).toEqual(later);
  });
});

describe("an answer", () => {
  test("replaces what was known when it was asked for, whatever the versions", () => {
    const memory = new ProductMemory();
    const now = Date.now();
    memory.putAnswer({ ...product(1, HIGHEST), asOf: now - 2 });
    const answer = { ...product(1, 50), priceCents: 300, asOf: now };
    expect(memory.putAnswer(answer)).toEqual(answer);
    expect(memory.get(1, FRESH)).toEqual(answer);
  });

  test("does not replace a newer event that came meanwhile", () => {
    const memory = new ProductMemory();
    const event = product(1, 5);
    memory.putEvent(event);
    expect(memory.putAnswer({ ...product(1, 4), asOf: event.asOf - 1 })).toEqual(event);
    expect(memory.putAnswer({ ...product(1, 6), asOf: event.asOf - 1 })).toMatchObject({
      version: 6,
    });
  });
});

describe("a value in Redis", () => {
  const inRedis = (priceCents: number, { version = 1, ageMs = 1 } = {}) => ({
    ...product(1, version),
    priceCents,
    asOf: Date.now() - ageMs,
  });

  test("decides for a product that is unknown here, while it is fresh", () => {
    const shared = inRedis(100);
    expect(new ProductMemory().putShared(shared)).toEqual(shared);
    const old = new ProductMemory();
    expect(old.putShared(inRedis(100, { ageMs: 5 * SECOND_MS + 1 }))).toBeUndefined();
    expect(old.get(1, FRESH)).toBeUndefined();
    expect(old.get(1, ALWAYS)).toMatchObject({ priceCents: 100 });
  });

  test("decides nothing when it is from the future, and is not remembered", () => {
    const memory = new ProductMemory();
    expect(memory.putShared(inRedis(100, { ageMs: -60 * SECOND_MS }))).toBeUndefined();
    expect(memory.get(1, ALWAYS)).toBeUndefined();
  });

  test("confirms what product-service answered less than 5 seconds ago, and never changes it", () => {
    const memory = new ProductMemory();
    memory.putAnswer(inRedis(100, { ageMs: 4 * SECOND_MS }));
    expect(memory.putShared(inRedis(100, { version: 2 }))).toMatchObject({ version: 2 });
    expect(memory.putShared(inRedis(999, { version: HIGHEST }))).toBeUndefined();
    expect(memory.get(1, FRESH)).toBeUndefined();
    const answer = { ...product(1, 3), priceCents: 200, asOf: Date.now() };
    expect(memory.putAnswer(answer)).toEqual(answer);
  });

  test("does not count without an answer for longer than 5 seconds, however often it is renewed", () => {
    const memory = new ProductMemory();
    memory.putShared(inRedis(100, { ageMs: 4 * SECOND_MS }));
    expect(memory.putShared(inRedis(100))).toBeDefined();
    const before = new ProductMemory();
    before.putAnswer(inRedis(100, { ageMs: 5 * SECOND_MS + 1 }));
    expect(before.putShared(inRedis(100))).toBeUndefined();
  });
});
