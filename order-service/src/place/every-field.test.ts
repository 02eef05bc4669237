import { order, placeOrderBody, type Order, type PlaceOrderBody } from "@shop/contracts/order";
import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFixture, type Fixture } from "../order-service.fixture.ts";

/*
 * From the schemas: a field that is added to the contract and forgotten anywhere behind it (the row, the event, the fingerprint)
 * fails here.
 */

let fixture: Fixture;
let body: PlaceOrderBody;
let lastKey = 0;

beforeAll(async () => {
  fixture = await startFixture();
  const { id: productId, price } = fixture.products.put();
  const given: Record<string, unknown> = { productId, price };
  const fields = FIELDS.map((field) => [field, given[field] ?? exampleOf(field)]);
  body = placeOrderBody.parse(Object.fromEntries(fields));
});
afterAll(() => fixture.stop());

type Field = keyof typeof placeOrderBody.shape;

const FIELDS = Object.keys(placeOrderBody.shape) as Field[];

/** What the order answers a field under, where it has another name there. */
const NAMES: Partial<Record<Field, keyof Order>> = { price: "unitPrice" };

function exampleOf(field: Field): unknown {
  const examples = placeOrderBody.shape[field].meta()?.["examples"];
  if (!Array.isArray(examples)) throw new Error(`give ${field} an example in the contract`);
  return examples[0];
}

/** Another value of the same kind. */
const other = (value: unknown): unknown =>
  typeof value === "number" ? value + 1 : `${String(value)} 2`;

const place = (request: object, key = `every-field-${(lastKey += 1)}`) =>
  fixture.place(request, { "idempotency-key": key });

describe("every field of the contract's order", () => {
  test("is stored, answered and published as it was sent", async () => {
    const events = await fixture.broker.receive("order.created");
    const placed = await place(body);
    expect(placed.status).toBe(201);
    const stored = await fixture.request(`/orders/${placed.body.id}`);
    expect(stored.body).toEqual(placed.body);
    expect(Object.keys(stored.body).toSorted()).toEqual(Object.keys(order.shape).toSorted());
    expect(FIELDS.map((field) => [field, stored.body[NAMES[field] ?? field]])).toEqual(
      FIELDS.map((field) => [field, body[field]]),
    );
    await eventually(() => expect(events.map(({ data }) => data)).toContainEqual(placed.body));
  });

  test.each(FIELDS)("makes another order of it under the same key: %s", async (field) => {
    const key = `changed-${field}`;
    const first = await place(body, key);
    expect(first.status).toBe(201);
    const changed = { ...body, [field]: other(body[field]) };
    expect(await place(changed, key)).toMatchObject({
      status: 422,
      body: { code: "IDEMPOTENCY_KEY_REUSED" },
    });
    expect((await place(body, key)).headers).toMatchObject({ "idempotency-replayed": "true" });
    const rows = await fixture.sql("SELECT 1 FROM orders WHERE id = $1 OR product_id <> $2", [
      first.body.id,
      body.productId,
    ]);
    expect(rows).toHaveLength(1);
  });

  test("is in the fingerprint only where it was sent, so that stored keys outlive a new field", async () => {
    const { productId, qty } = body;
    await place({ qty, productId }, "fingerprint");
    const [row] = await fixture.sql("SELECT fingerprint FROM idempotency_keys WHERE key = $1", [
      "fingerprint",
    ]);
    expect(row).toEqual({ fingerprint: `{"productId":${productId},"qty":${qty}}` });
  });
});
