import { randomOf } from "@shop/test-support/random";
import type { Wanted } from "./command-line.ts";
import type { Drill } from "./drill.ts";
import { keepLogs, onOneSystem } from "./on-its-system.ts";
import { writeSoak } from "./guarantees.ts";
import { randomFaults } from "./soak-faults.ts";
import { soakSummary, soakPassed } from "./soak-report.ts";
import { startSoak, type SoakResult, type SoakRun } from "./soak-run.ts";
import { tell, tellProgress } from "./terminal.ts";

const DEFAULT_RATE = 500;
const PROGRESS_EVERY_MS = 1_000;
/** Programs that can be told to die in between (D4), and are what is shipped but for that. */
const SYSTEM = { patches: "crash-points" };

/** Random faults under one load until the time is up or something fails; then all checks. Hands back the exit code. */
export async function soak(catalogue: readonly Drill[], wanted: Wanted): Promise<number> {
  const rate = wanted.rate ?? DEFAULT_RATE;
  let result: SoakResult | undefined;
  const stopped = await onOneSystem(SYSTEM, async (system, signal) => {
    const run = await startSoak(system, { ...wanted, rate }, signal);
    await untilTimeIsUp(run, randomFaults(catalogue, randomOf(wanted.seed + 2)), {
      minutes: wanted.minutes,
      signal,
    });
    tell("  checking");
    result = await run.end();
    if (!soakPassed(result) && !signal.aborted) keepLogs(system, { name: "soak" });
    // Told before the servers are stopped: who has pressed Ctrl-C may press it again.
    for (const line of soakSummary(result)) tell(line);
  });
  if (result === undefined) return 1;
  if (wanted.write && !stopped) writeSoak(result);
  return soakPassed(result) && !stopped ? 0 : 1;
}

async function untilTimeIsUp(
  run: SoakRun,
  nextFault: () => Drill,
  { minutes, signal }: { minutes: number; signal: AbortSignal },
): Promise<void> {
  const until = performance.now() + minutes * 60_000;
  let doing = "starting";
  const ticking = setInterval(
    () => tellProgress(`soak, ${doing}: ${run.orders()} orders asked for`),
    PROGRESS_EVERY_MS,
  );
  try {
    while (performance.now() < until && !run.failed() && !signal.aborted) {
      const drill = nextFault();
      doing = drill.name;
      await run.suffer(drill);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(ticking);
  }
}
