import { expect, test } from "vitest";
import { ProductMemory } from "./product-memory.ts";

const ALWAYS = { rememberedMs: 3_600_000, ageMs: 3_600_000 };

const product = (id: number, version = 1) => ({
  id,
  version,
  priceCents: 100,
  asOf: Date.now(),
});

test("holds 10,000 products and forgets the one that was put the longest ago", () => {
  const memory = new ProductMemory();
  for (let id = 1; id <= 10_000; id += 1) memory.put(product(id));
  memory.put(product(1, 2));
  memory.put(product(10_001));
  expect(memory.get(1, ALWAYS)).toMatchObject({ version: 2 });
  expect(memory.get(2, ALWAYS)).toBeUndefined();
  expect(memory.get(3, ALWAYS)).toBeDefined();
  expect(memory.get(10_001, ALWAYS)).toBeDefined();
});

test("an older version does not take a newer one's place, and the newer one is given back", () => {
  const memory = new ProductMemory();
  const newer = product(1, 5);
  memory.put(newer);
  expect(memory.put({ ...product(1, 4), priceCents: null })).toEqual(newer);
  expect(memory.get(1, ALWAYS)).toEqual(newer);
});

test("of one version the later look counts", () => {
  const memory = new ProductMemory();
  const later = { ...product(1), priceCents: 300 };
  memory.put(later);
  memory.put({ ...product(1), asOf: later.asOf - 1 });
  expect(memory.get(1, ALWAYS)).toEqual(later);
});
