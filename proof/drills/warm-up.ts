import type { Scene } from "./drill.ts";
import { quantile } from "./figures.ts";
import { RAMP_MS } from "./load.ts";

const MOST_MS = 20_000;
const LOOK_EVERY_MS = 1_000;
const WARM_P95_MS = 100;

/** Programs just started are slow until their code is compiled and their pools are full: what waits then is not the fault's doing. */
export async function warmUp({ ledger, pause, note }: Scene): Promise<void> {
  await pause(RAMP_MS);
  const until = performance.now() + MOST_MS;
  while (performance.now() < until) {
    const heard = ledger.accepted.length;
    await pause(LOOK_EVERY_MS);
    const took = ledger.accepted.slice(heard).map(({ tookMs }) => tookMs);
    if (took.length > 0 && quantile(took, 0.95) <= WARM_P95_MS) return;
  }
  note(`p95 of orders was above ${WARM_P95_MS} ms before the fault as well`);
}
