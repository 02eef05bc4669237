import { statuses, type Drill } from "../drill.ts";

const FOR_MS = 10_000;
/** The batch that waits in vain, and its next try without that row. */
const OTHERS_WITHIN_MS = 4_000;

/** A backend that holds a row and does not even notice that it should end. */
export const lockedRowDrill: Drill = {
  id: "D12",
  name: "freeze-a-lock-holder",
  title: "a database backend that holds a product's row stands still for 10 s",
  promise: "Waiting for a lock is bounded, and orders of other products go on.",
  rate: 300,
  tolerates: statuses(/^PUT/, [503]),
  async run({ system, load, pause, lasting, expect, inTime, healed, note }) {
    const { products, orders } = system.truth;
    const held = load.productIds[1]!;
    const hold = `/* drill */ UPDATE products SET name = name WHERE id = ${held}`;
    const frozenAt = new Date();
    await products.holding(hold, async () => {
      const [holder] = await products<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '/* drill */%'",
      );
      process.kill(holder!.pid, "SIGSTOP");
      try {
        await pause(lasting(FOR_MS));
      } finally {
        process.kill(holder!.pid, "SIGCONT");
      }
    });
    healed();
    const [others] = await orders<{ settled: number; slowest: number }>(
      `SELECT count(*)::int AS settled, coalesce(max(extract(epoch FROM updated_at - created_at)), 0)::float AS slowest
       FROM orders WHERE product_id = ANY($1::integer[]) AND product_id <> $2
         AND created_at > $3 AND created_at < $3 + $4 * interval '1 millisecond' AND status <> 'pending'`,
      [load.productIds, held, frozenAt, lasting(FOR_MS) / 2],
    );
    note(
      `${others!.settled} orders of other products settled meanwhile, after ${others!.slowest.toFixed(1)} s at most`,
    );
    expect(others!.settled > 0, "no order of another product was settled meanwhile");
    // Once somebody has waited for the lock in vain, nobody waits for it again.
    inTime("orders of other products", others!.slowest * 1_000, OTHERS_WITHIN_MS);
  },
};
