import { afterAll, beforeAll, expect, test } from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";
import { LIST_ORDERS, LIST_ORDERS_OF } from "./order-lists.ts";

const PRODUCTS = 20;
const ORDERS = 15_000;
const TOP = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const MIDDLE = "01930000-1d4c-7000-8000-000000000000";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
  await fixture.sql(
    `INSERT INTO orders (id, product_id, qty, unit_price_cents, total_price_cents, status, request_id,
       subject, created_at, updated_at, next_tell_at)
     SELECT ('01930000' || lpad(to_hex(n), 4, '0') || '70008000000000000000')::uuid, 1 + n % ${PRODUCTS}, 1, 100, 100,
       'done', 'r', 's' || n % 3, now(), now(), now()
     FROM generate_series(1, ${ORDERS}) AS n`,
  );
  await fixture.sql("ANALYZE orders");
});
afterAll(() => fixture.stop());

interface Plan {
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly Plans?: readonly Plan[];
}

/** What it reads by. A plan that sorts, or walks another index, costs more the more orders there are. */
async function readsBy(text: string, values: unknown[]): Promise<Plan> {
  const [row] = await fixture.sql<{ "QUERY PLAN": [{ Plan: Plan }] }>(
    `EXPLAIN (FORMAT JSON) ${text}`,
    values,
  );
  const limit = row!["QUERY PLAN"][0].Plan;
  expect(limit.Plans).toHaveLength(1);
  return limit.Plans![0]!;
}

test.each([TOP, MIDDLE])("reads a product's page below %s by the product's index", async (id) => {
  const plan = await readsBy(LIST_ORDERS, [[7], id, 21]);
  expect(plan["Index Name"]).toBe("orders_by_product");
  expect(plan["Index Cond"]).toContain("id <");
});

test.each([TOP, MIDDLE])("reads a subject's page below %s by the subject's index", async (id) => {
  const plan = await readsBy(LIST_ORDERS_OF, [["s1"], 7, id, 21]);
  expect(plan["Index Name"]).toBe("orders_by_subject");
  expect(plan["Index Cond"]).toContain("id <");
});
