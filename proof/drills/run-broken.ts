import { STOPPED } from "local-stack/terminal/exit-codes";
import type { Drill, Wanted } from "./drill.ts";
import { onOneSystem, print, printProgress } from "./own-system.ts";
import { complaintsOf, runDrill } from "./run-drill.ts";
import { SABOTAGE } from "./sabotage.ts";
import type { DrillSystem } from "./system.ts";

/** Long enough for a whole system; a broken one would never come to rest. */
const REST_LIMIT_MS = 15_000;
const TIME = 0.35;
const INSTANTS = 6;
const TRIES = 3;

/** Drills on programs that are broken on purpose: each must fail, and say of what. Hands back the exit code. */
export async function runBroken(
  which: string,
  catalogue: readonly Drill[],
  wanted: Wanted,
): Promise<number> {
  const names = which === "all" ? Object.keys(SABOTAGE) : which.split(",");
  const missed: string[] = [];
  for (const name of names) {
    const drill = catalogue.find((one) => one.name === SABOTAGE[name]?.drill);
    if (!drill)
      throw new Error(
        `There is no way "${name}" to break it: ${Object.keys(SABOTAGE).join(", ")}.`,
      );
    let caught = false;
    const stopped = await onOneSystem({ ...drill.system, changes: name }, async (...its) => {
      // Some are seen by chance only: what one run of instants has missed, the next may meet.
      for (let turn = 0; turn < TRIES && !caught; turn += 1)
        caught = await isCaught(name, drill, { ...wanted, seed: wanted.seed + turn }, its);
    });
    if (stopped) return STOPPED;
    if (!caught) missed.push(name);
  }
  if (missed.length > 0) print(`Not noticed in ${TRIES} tries: ${missed.join(", ")}.`);
  return missed.length === 0 ? 0 : 1;
}

async function isCaught(
  name: string,
  drill: Drill,
  { seed, rate, patience }: Wanted,
  [system, signal]: [DrillSystem, AbortSignal],
): Promise<boolean> {
  const result = await runDrill(drill, system, {
    seed,
    rate,
    patience,
    signal,
    instants: INSTANTS,
    time: TIME,
    lenient: true,
    restLimitMs: REST_LIMIT_MS,
    progress: (doing) => printProgress(`${name}, ${drill.name}: ${doing}`),
  });
  const { complaint } = SABOTAGE[name]!;
  const caught = [...result.violations, ...result.failed].some((text) => complaint.test(text));
  const how = `${name} by ${drill.name} (seed ${seed}; ${result.notes.join(", ")})`;
  print(`${caught ? "caught" : "missed"} ${how}`);
  for (const text of complaintsOf(result).slice(0, 3)) print(text);
  return caught;
}
