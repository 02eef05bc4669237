import type { Wanted } from "./command-line.ts";
import type { Drill } from "./drill.ts";
import { writeGuarantees } from "./guarantees.ts";
import { eachOnItsSystem, keepLogs } from "./on-its-system.ts";
import { complaintsOf, lineOf } from "./report.ts";
import { passed, runDrill, type DrillResult } from "./run-drill.ts";
import { tell, tellProgress } from "./terminal.ts";

/** An entry of a cache. Where the machine is too busy for Redis to hear of a change in time, it is old for so long. */
const ENTRY_LIVES_MS = 5_500;

/** Each drill in turn, a line for each. Hands back the exit code. */
export async function runAll(drills: readonly Drill[], wanted: Wanted): Promise<number> {
  const results: DrillResult[] = [];
  const startedAt = Date.now();
  const stopped = await eachOnItsSystem(drills, async (drill, system, signal) => {
    const { seed, instants, time, rate, patience, short } = wanted;
    const progress = (doing: string) => tellProgress(`${drill.id} ${drill.name}: ${doing}`);
    const result = await runDrill(drill, system, {
      seed,
      instants,
      time,
      rate,
      patience,
      lenient: short,
      cachesMayLagMs: short ? ENTRY_LIVES_MS * patience : undefined,
      signal,
      progress,
    });
    results.push(result);
    tell(lineOf(result));
    for (const complaint of complaintsOf(result)) tell(complaint);
    if (!passed(result)) keepLogs(system, drill);
    return passed(result);
  });
  if (wanted.write) writeGuarantees(results);
  const good = results.filter(passed).length;
  const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1);
  tell(`${good} of ${drills.length} drills passed in ${minutes} min (seed ${wanted.seed}).`);
  return !stopped && good === drills.length ? 0 : 1;
}
