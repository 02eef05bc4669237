import { afterAll, beforeAll, expect, test } from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";
import { orderCursor } from "@shop/contracts/order";
import { dataSourceOptions } from "@shop/service-kit/database/data-source";
import { DataSource } from "typeorm";
import { orderSchema } from "../order-service.ts";
import { pageOf } from "./order-lists.ts";
import { OrderEntity } from "./order.entity.ts";

const PRODUCTS = 20;
const ORDERS = 15_000;
const FIRST = { limit: 20 };
const MIDDLE = { limit: 20, cursor: orderCursor("01930000-1d4c-7000-8000-000000000000") };

let fixture: Fixture;
let dataSource: DataSource;

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
  const { DATABASE_URL } = fixture.environment;
  const config = { DATABASE_URL, DATABASE_POOL_SIZE: 1 };
  dataSource = await new DataSource(dataSourceOptions("plans", config, orderSchema)).initialize();
});
afterAll(async () => {
  await dataSource.destroy();
  await fixture.stop();
});

interface Plan {
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly Plans?: readonly Plan[];
}

/** What the page is read by. A plan that sorts, or walks another index, costs more the more orders there are. */
async function readsBy(...page: Parameters<typeof pageOf>): Promise<Plan> {
  const [text, values] = dataSource.manager
    .createQueryBuilder(OrderEntity, "orders")
    .setFindOptions(pageOf(...page))
    .getQueryAndParameters();
  const [row] = await fixture.sql<{ "QUERY PLAN": [{ Plan: Plan }] }>(
    `EXPLAIN (FORMAT JSON) ${text}`,
    values,
  );
  const limit = row!["QUERY PLAN"][0].Plan;
  expect(limit.Plans).toHaveLength(1);
  return limit.Plans![0]!;
}

test.each([FIRST, MIDDLE])("reads a product's page by the product's index: %j", async (query) => {
  const plan = await readsBy({ productId: 7 }, query);
  expect(plan["Index Name"]).toBe("orders_by_product");
  expect(plan["Index Cond"]).toContain("id <");
});

test.each([FIRST, MIDDLE])("reads a subject's page by the subject's index: %j", async (query) => {
  const plan = await readsBy({ subject: "s1", productId: 7 }, query);
  expect(plan["Index Name"]).toBe("orders_by_subject");
  expect(plan["Index Cond"]).toContain("id <");
});
