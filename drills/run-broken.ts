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
      const result = await runDrill(drill, system, {
        seed,
        rate,
        patience,
        signal,
        instants: INSTANTS,
        time: TIME,
        restLimitMs: REST_LIMIT_MS,
        progress: (doing) => tellProgress(`${name}, ${drill.name}: ${doing}`),
      });
      if (passed(result)) missed += 1;
      tell(`${passed(result) ? "MISSED" : "caught"} ${name} by ${drill.name} (seed ${seed})`);
      for (const complaint of complaintsOf(result).slice(0, 3)) tell(complaint);
    });
  }
  return missed === 0 ? 0 : 1;
}
