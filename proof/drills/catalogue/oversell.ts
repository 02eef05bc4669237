import { eventually } from "@shop/test-support/eventually";
import { call } from "../load.ts";
import { nothing, type Drill, type Scene } from "../drill.ts";

const BUYERS = 1_000;
const STOCK = 100;
const SETTLED_LIMIT_MS = 30_000;

async function outcomes({ system }: Scene, productId: number): Promise<Record<string, number>> {
  const rows = await system.truth.orders<{ outcome: string; count: number }>(
    "SELECT coalesce(reason, status) AS outcome, count(*)::int FROM orders WHERE product_id = $1 GROUP BY 1",
    [productId],
  );
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]));
}

export const oversellDrill: Drill = {
  id: "M3",
  name: "oversell",
  title: "1,000 buyers at once for 100 pieces",
  promise: "Every order has a truthful outcome; stock never goes below zero.",
  rate: 0,
  tolerates: nothing,
  async run(scene) {
    const { system, ledger, expect, note } = scene;
    const { body } = await call(`${system.gateway}/products`, {
      body: { name: "Rare", price: 10, qty: STOCK },
    });
    const productId: number = body.data.id;
    await Promise.all(
      Array.from({ length: BUYERS }, () => ledger.place(system.gateway, { productId, qty: 1 })),
    );
    const ended = await eventually(async () => {
      const found = await outcomes(scene, productId);
      if (found["pending"]) throw new Error(`${found["pending"]} are pending`);
      return found;
    }, SETTLED_LIMIT_MS);
    // Whoever was refused for the rush has no order, and is complained of by name.
    const orders = Object.values(ended).reduce((sum, count) => sum + count, 0);
    note(`${ended["done"]} done, ${ended["OUT_OF_STOCK"]} rejected`);
    expect(ended["done"] === STOCK, `${ended["done"]} done of ${STOCK}`);
    expect(ended["OUT_OF_STOCK"] === orders - STOCK, `${ended["OUT_OF_STOCK"]} rejected`);
  },
};
