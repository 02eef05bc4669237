import { eventually } from "@shop/test-support/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFixture } from "./product-service.fixture.ts";

let fixture: Awaited<ReturnType<typeof startFixture>>;

beforeAll(async () => {
  fixture = await startFixture();
  await eventually(async () =>
    expect((await fixture.request("/health/ready")).body.status).toBe("ok"),
  );
});
afterAll(() => fixture.stop());

describe("POST /products", () => {
  test("when the body is valid, then the product is stored, told and answered with its place", async () => {
    const told = await fixture.broker.hear("product.created");
    const { status, headers, body } = await fixture.request("/products", {
      body: { name: "  Laptop Pro ", price: 1999.99, qty: 25 },
      headers: { "x-request-id": "create-1" },
    });
    expect(status).toBe(201);
    expect(headers).toMatchObject({
      location: `/products/${body.id}`,
      etag: '"1"',
      "x-request-id": "create-1",
    });
    expect(body).toMatchObject({ name: "Laptop Pro", price: 1999.99, qty: 25, version: 1 });
    await eventually(() =>
      expect(told).toContainEqual(expect.objectContaining({ requestId: "create-1", data: body })),
    );
  });
});
