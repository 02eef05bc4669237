import { randomUUIDv7 } from "node:crypto";
import { statuses, type Drill } from "../drill.ts";

const AT_ONCE = 100;
const KEYS = 10;

export const sameKeyDrill: Drill = {
  id: "M4",
  name: "same-key",
  title: "one Idempotency-Key 100 times at once, then with another body",
  promise: "The same key and body give the same order; another body is refused.",
  rate: 0,
  tolerates: statuses(/^POST/, [409, 422]),
  async run({ system, ledger, load, expect, note }) {
    const wish = { productId: load.productIds[1]!, qty: 1 };
    const heard = new Map<string, number>();
    for (let round = 0; round < KEYS; round += 1) {
      const key = randomUUIDv7();
      const place = () => ledger.place(system.gateway, wish, { key });
      const entries = await Promise.all(Array.from({ length: AT_ONCE }, place));
      const ids = new Set(entries.flatMap(({ order }) => order?.id ?? []));
      expect(ids.size === 1, `${ids.size} orders for one key`);
      for (const { status } of entries) heard.set(`${status}`, (heard.get(`${status}`) ?? 0) + 1);
      const other = await ledger.place(system.gateway, { ...wish, qty: 2 }, { key });
      expect(other.status === 422, `another body was answered ${other.status}`);
    }
    note(`${KEYS} keys: ${[...heard].map(([status, count]) => `${status} ×${count}`).join(", ")}`);
  },
};
