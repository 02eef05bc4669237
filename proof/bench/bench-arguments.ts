import { parseArgs } from "node:util";

export interface BenchArguments {
  /** The scenarios to run. */
  readonly names: readonly string[];
  readonly rounds: number | undefined;
  readonly seconds: number | undefined;
  readonly write: boolean;
  readonly list: boolean;
}

/** The group that takes long, and is run only when it is asked for. */
const ON_REQUEST = "big";

/** `groups` has the scenarios' names by group. */
export function parseBenchArguments(
  args: readonly string[],
  groups: Readonly<Record<string, readonly string[]>>,
): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true },
      rounds: { type: "string" },
      seconds: { type: "string" },
      big: { type: "boolean", default: false },
      "no-write": { type: "boolean", default: false },
      list: { type: "boolean", default: false },
    },
  });
  const { only, big, list } = values;
  return {
    names: only ? chosen(only, groups) : everything(groups, big),
    rounds: positive("rounds", values.rounds),
    seconds: positive("seconds", values.seconds),
    write: !values["no-write"],
    list,
  };
}

function everything(groups: Readonly<Record<string, readonly string[]>>, big: boolean): string[] {
  return Object.entries(groups).flatMap(([group, names]) =>
    group === ON_REQUEST && !big ? [] : names,
  );
}

/** In the order of the groups, whatever the order on the command line. */
function chosen(
  only: readonly string[],
  groups: Readonly<Record<string, readonly string[]>>,
): string[] {
  const all = Object.values(groups).flat();
  const unknown = only.find((name) => !(name in groups) && !all.includes(name));
  if (unknown !== undefined) {
    const known = [...Object.keys(groups), ...all].join(", ");
    throw new Error(`There is no ${unknown}. Give one of: ${known}.`);
  }
  const wanted = new Set(only.flatMap((name) => groups[name] ?? [name]));
  return all.filter((name) => wanted.has(name));
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a number from 1.`);
  return value;
}
