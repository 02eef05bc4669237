import { afterAll, beforeAll, expect, test } from "vitest";
import { COLLECTION, runCollection } from "../postman/run-collection.ts";
import { startShopWithGateway, type ShopWithGateway } from "./gateway.fixture.ts";

let it: ShopWithGateway;

beforeAll(async () => {
  it = await startShopWithGateway();
});
afterAll(() => it.stop());

test.each(["passes", "passes again on its own data"])("the Postman collection %s", async () => {
  const { problems } = await runCollection({
    collection: COLLECTION,
    url: it.gateway.url,
    report: false,
  });
  expect(problems).toEqual([]);
});
