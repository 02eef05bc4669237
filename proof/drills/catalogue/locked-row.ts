import { setTimeout as rest } from "node:timers/promises";
import { call } from "../load.ts";
import { statuses, type Drill, type Scene } from "../drill.ts";
import { quantile } from "../verdict.ts";

const FOR_MS = 10_000;
/** The batch that waits in vain, and its next try without that row. */
const OTHERS_WITHIN_MS = 4_000;
/** The gateway's deadline, and a little for the way. */
const REFUSED_WITHIN_MS = 5_500;
const NEIGHBOUR_WITHIN_MS = 1_000;
const CHANGE_EVERY_MS = 250;

interface Change {
  readonly status: number | undefined;
  readonly tookMs: number;
}

/** A client that changes a product, now and then, until the signal; what it was answered. */
async function change({ system }: Scene, id: number, end: AbortSignal): Promise<Change[]> {
  const changes: Change[] = [];
  while (!end.aborted) {
    const at = performance.now();
    const body = { name: `Cup ${changes.length}`, price: 10 };
    const answer = await call(`${system.gateway}/products/${id}`, { method: "PUT", body }).catch(
      () => undefined,
    );
    changes.push({ status: answer?.status, tookMs: Math.round(performance.now() - at) });
    await rest(CHANGE_EVERY_MS, undefined, { signal: end }).catch(() => undefined);
  }
  return changes;
}

const slowestOf = (changes: readonly Change[]): number =>
  Math.max(0, ...changes.map(({ tookMs }) => tookMs));

/** Who wants the row is refused in time; who wants another one does not notice. */
function judge({ expect, inTime, note }: Scene, held: Change[], neighbour: Change[]): void {
  const refused = held.filter(({ status }) => status === 503);
  const odd = held.filter(({ status }) => status !== 503);
  const failed = neighbour.filter(({ status }) => status !== 200);
  const p95 = quantile(
    neighbour.map(({ tookMs }) => tookMs),
    0.95,
  );
  note(
    `${refused.length} changes of it refused, after ${slowestOf(held)} ms at most; ${neighbour.length} of a neighbour, p95 ${p95} ms`,
  );
  expect(refused.length > 0, "no change met the lock");
  expect(
    odd.length === 0,
    `changes of the held product were answered ${odd.map(({ status }) => status ?? "nothing").join(", ")}`,
  );
  expect(failed.length === 0, `${failed.length} changes of another product failed`);
  inTime("refusing a change of the held product", slowestOf(held), REFUSED_WITHIN_MS);
  inTime("p95 of changes of another product", p95, NEIGHBOUR_WITHIN_MS);
}

/** A backend that holds a row and does not even notice that it should end. */
export const lockedRowDrill: Drill = {
  id: "D12",
  name: "freeze-a-lock-holder",
  title: "a database backend that holds a product's row stands still for 10 s",
  promise: "Waiting for a lock is bounded, and orders of other products go on.",
  rate: 300,
  tolerates: statuses(/^PUT/, [503]),
  async run(scene) {
    const { system, load, pause, lasting, expect, inTime, healed, note } = scene;
    const { products, orders } = system.truth;
    const [held, neighbour] = load.productIds.slice(1, 3) as [number, number];
    const hold = `/* drill */ UPDATE products SET name = name WHERE id = ${held}`;
    const frozenAt = new Date();
    await products.holding(hold, async () => {
      const [holder] = await products<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '/* drill */%'",
      );
      process.kill(holder!.pid, "SIGSTOP");
      const enough = new AbortController();
      const changing = [held, neighbour].map((id) => change(scene, id, enough.signal));
      try {
        await pause(lasting(FOR_MS));
        enough.abort();
        const [ofHeld, ofNeighbour] = await Promise.all(changing);
        judge(scene, ofHeld!, ofNeighbour!);
      } finally {
        enough.abort();
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
    // Once one request has waited for the lock in vain, no other waits for it.
    inTime("orders of other products", others!.slowest * 1_000, OTHERS_WITHIN_MS);
  },
};
