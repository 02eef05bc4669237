import { CATALOGUE, SHORT_SELECTION } from "./catalogue.ts";
import { readCommandLine, USAGE, type Wanted } from "./command-line.ts";
import type { Drill } from "./drill.ts";
import { runAll } from "./run-all.ts";
import { runBroken } from "./run-broken.ts";
import { soak } from "./soak.ts";
import { tell } from "./terminal.ts";

/** Hands back the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const wanted = readCommandLine(args);
  if (wanted.list) return list();
  if (wanted.sabotage !== undefined) return runBroken(wanted.sabotage, CATALOGUE, wanted);
  if (wanted.names[0] === "soak") return soak(CATALOGUE, wanted);
  return runAll(chosen(wanted), wanted);
}

function list(): number {
  for (const { id, name, title } of CATALOGUE) tell(`${id.padEnd(4)} ${name.padEnd(26)} ${title}`);
  tell(`\n${USAGE}`);
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
