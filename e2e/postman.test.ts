import { afterAll, beforeAll, expect, test } from "vitest";
import { COLLECTION, runCollection } from "../postman/run-collection.ts";
import { startShopWithGateway, type ShopWithGateway } from "./gateway.fixture.ts";

let it: ShopWithGateway;

beforeAll(async () => {
  it = await startShopWithGateway();
});
afterAll(() => it.stop());

test(
  "the Postman collection passes, and passes again on its own data",
  { timeout: 120_000 },
  async () => {
    for (let run = 0; run < 2; run += 1) {
      const { problems } = await runCollection({
        collection: COLLECTION,
        url: it.gateway.url,
        report: false,
      });
      expect(problems).toEqual([]);
    }
  },
);
