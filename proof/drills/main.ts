import { parseArgs } from "node:util";
import { CATALOGUE, SHORT_SELECTION } from "./catalogue.ts";
import type { Drill, Wanted } from "./drill.ts";
import { writeFigures } from "./figures-document.ts";
import { eachOnItsSystem, keepLogs, print, printProgress } from "./own-system.ts";
import { runBroken } from "./run-broken.ts";
import { complaintsOf, lineOf, passed, runDrill, type DrillResult } from "./run-drill.ts";
import { soak } from "./soak.ts";

/**
 * In short runs: strikes, the share of its time that a fault lasts, and a load and a patience for any machine. What is checked is
 * the same; what is late or refused under pressure is a warning there, and a violation fails as ever.
 */
const SHORT = { instants: 2, time: 0.25, rate: 100, patience: 4 };
const INSTANTS = 20;
const SHORT_SEED = 20_261_120;

const USAGE = `npm run drills -- [name or id …] [options]
  --list            what there is
  --short           a quick selection, the same each time; late and refused under pressure is a warning then
  --seed N          the same random instants again
  --instants N      how often crash drills strike (${INSTANTS})
  --rate N          orders each second
  --patience N      limits of time are N times as long (on a busy machine)
  --write           writes the figures into proof/docs/drills.md
  --break NAME      breaks the programs on purpose: the drill must fail then (all: every way, each with its drill)
  soak --minutes N  all faults in random order under one load, with a table of what might grow`;

function readCommandLine(args: readonly string[]): Wanted {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      list: { type: "boolean", default: false },
      short: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      seed: { type: "string" },
      instants: { type: "string" },
      rate: { type: "string" },
      patience: { type: "string" },
      minutes: { type: "string", default: "30" },
      break: { type: "string" },
    },
  });
  const number = (name: string, text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`--${name} must be a whole number above 0, not "${text}"\n\n${USAGE}`);
    return value;
  };
  const { short, seed, instants, rate, patience } = values;
  const anySeed = short ? SHORT_SEED : (Date.now() % 1_000_000) + 1;
  return {
    names: positionals,
    list: values.list,
    short,
    write: values.write,
    seed: seed === undefined ? anySeed : number("seed", seed),
    instants:
      instants === undefined ? (short ? SHORT.instants : INSTANTS) : number("instants", instants),
    time: short ? SHORT.time : 1,
    rate: rate === undefined ? (short ? SHORT.rate : undefined) : number("rate", rate),
    patience: patience === undefined ? (short ? SHORT.patience : 1) : number("patience", patience),
    minutes: number("minutes", values.minutes),
    sabotage: values.break,
  };
}

/** Hands back the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const wanted = readCommandLine(args);
  if (wanted.list) return list();
  if (wanted.sabotage !== undefined) return runBroken(wanted.sabotage, CATALOGUE, wanted);
  if (wanted.names[0] === "soak") return soak(CATALOGUE, wanted);
  return runAll(chosen(wanted), wanted);
}

function list(): number {
  for (const { id, name, title } of CATALOGUE) print(`${id.padEnd(4)} ${name.padEnd(26)} ${title}`);
  print(`\n${USAGE}`);
  return 0;
}

function chosen({ names, short }: Wanted): readonly Drill[] {
  const wanted = names.length === 0 && short ? SHORT_SELECTION : names;
  if (wanted.length === 0) return CATALOGUE;
  return wanted.flatMap((name) => {
    const found = CATALOGUE.filter((drill) => drill.name === name || drill.id === name);
    if (found.length === 0) throw new Error(`There is no drill ${name}.\n\n${USAGE}`);
    return found;
  });
}

/** An entry of a cache. Where the machine is too busy for Redis to hear of a change in time, it is old for so long. */
const ENTRY_LIVES_MS = 5_500;

/** Each drill in turn, a line for each. Hands back the exit code. */
async function runAll(drills: readonly Drill[], wanted: Wanted): Promise<number> {
  const results: DrillResult[] = [];
  const startedAt = Date.now();
  const stopped = await eachOnItsSystem(drills, async (drill, system, signal) => {
    const { seed, instants, time, rate, patience, short } = wanted;
    const progress = (doing: string) => printProgress(`${drill.id} ${drill.name}: ${doing}`);
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
    print(lineOf(result));
    for (const complaint of complaintsOf(result)) print(complaint);
    if (!passed(result)) keepLogs(system, drill);
    return passed(result);
  });
  if (wanted.write) writeFigures(results);
  const good = results.filter(passed).length;
  const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1);
  print(`${good} of ${drills.length} drills passed in ${minutes} min (seed ${wanted.seed}).`);
  return !stopped && good === drills.length ? 0 : 1;
}
