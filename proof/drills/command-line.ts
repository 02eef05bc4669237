import { parseArgs } from "node:util";

/**
 * In short runs: strikes, the share of its time that a fault lasts, and a load and a patience for any machine. What is checked is
 * the same; what is late or refused under pressure is a warning there, and a violation fails as ever.
 */
const SHORT = { instants: 2, time: 0.25, rate: 100, patience: 4 };
const INSTANTS = 20;
const SHORT_SEED = 20_261_120;

export interface Wanted {
  readonly names: readonly string[];
  readonly list: boolean;
  readonly short: boolean;
  readonly write: boolean;
  readonly seed: number;
  readonly instants: number;
  /** Of how long things last. */
  readonly time: number;
  readonly rate: number | undefined;
  /** What limits of time are multiplied with. */
  readonly patience: number;
  readonly minutes: number;
  /** A way to break the programs on purpose. */
  readonly sabotage: string | undefined;
}

export const USAGE = `npm run drills -- [name or id …] [options]
  --list            what there is
  --short           a quick selection, the same each time; late and refused under pressure is a warning then
  --seed N          the same random instants again
  --instants N      how often crash drills strike (${INSTANTS})
  --rate N          orders each second
  --patience N      limits of time are N times as long (on a busy machine)
  --write           puts the figures into docs/guarantees.md
  --break NAME      breaks the programs on purpose: the drill must fail then (all: every way, each with its drill)
  soak --minutes N  all faults in random order under one load, with a table of what might grow`;

export function readCommandLine(args: readonly string[]): Wanted {
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
