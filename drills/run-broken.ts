import type { Wanted } from "./command-line.ts";
import type { Drill } from "./drill.ts";
import { onOneSystem } from "./on-its-system.ts";
import { SABOTAGE } from "./sabotage.ts";
import { complaintsOf } from "./report.ts";
import { passed, runDrill } from "./run-drill.ts";
import { tell, tellProgress } from "./terminal.ts";

/** Long enough for a whole system; a broken one would never come to rest. */
const REST_LIMIT_MS = 15_000;
const TIME = 0.35;
const INSTANTS = 6;
const TRIES = 3;

/** Drills on programs that are broken on purpose: each must fail. Hands back the exit code. */
export async function runBroken(
  which: string,
  catalogue: readonly Drill[],
  { seed, rate, patience }: Wanted,
): Promise<number> {
  const names = which === "all" ? Object.keys(SABOTAGE) : which.split(",");
  let missed = 0;
  for (const name of names) {
    const drill = catalogue.find((one) => one.name === SABOTAGE[name]?.drill);
    if (!drill)
      throw new Error(
        `There is no way "${name}" to break it: ${Object.keys(SABOTAGE).join(", ")}.`,
      );
    await onOneSystem({ ...drill.system, patches: name }, async (system, signal) => {
      // Some are seen by chance only: what one run of instants has missed, the next may meet.
      for (let turn = 0; turn < TRIES; turn += 1) {
        const result = await runDrill(drill, system, {
          seed: seed + turn,
          rate,
          patience,
          signal,
          instants: INSTANTS,
          time: TIME,
          lenient: true,
          restLimitMs: REST_LIMIT_MS,
          progress: (doing) => tellProgress(`${name}, ${drill.name}: ${doing}`),
        });
        const { notes } = result;
        const how = `${name} by ${drill.name} (seed ${seed + turn}; ${notes.join(", ")})`;
        tell(`${passed(result) ? "missed" : "caught"} ${how}`);
        for (const complaint of complaintsOf(result).slice(0, 3)) tell(complaint);
        if (!passed(result)) return;
      }
      missed += 1;
    });
  }
  if (missed > 0) tell(`${missed} of ${names.length} were not noticed in ${TRIES} tries.`);
  return missed === 0 ? 0 : 1;
}
