import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT, stateFolder } from "local-stack/checkout";
import { writeWhole } from "local-stack/write-whole";
import type { Machine } from "../figures/machine.ts";
import type { Column } from "../scenario.ts";

/** Figures that could not be had are null: JSON knows no NaN. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly {
    readonly name: string;
    readonly figures: Readonly<Record<string, number | null>>;
  }[];
}

/** The last result of a scenario, medians only. */
export interface ScenarioRecord extends Table {
  readonly name: string;
  readonly title: string;
  readonly explanation: string;
  readonly leftOut: readonly string[];
  /** By process. */
  readonly details?: Table;
  readonly rounds: number;
  readonly seconds: number;
  readonly measuredAt: string;
  readonly machine: Machine;
  /** Of a bare Node server, before the first round and after the last. */
  readonly yardstick?: { readonly before: number; readonly after: number };
}

const FOLDER = join(stateFolder(CHECKOUT), "bench", "results");

export function keepRecord(record: ScenarioRecord): void {
  mkdirSync(FOLDER, { recursive: true });
  writeWhole(join(FOLDER, `${record.name}.json`), `${JSON.stringify(record, null, 2)}\n`);
}

/** Of all the scenarios that have been run here, so that the document is whole also after a run of a few. */
export function keptRecords(names: readonly string[]): ScenarioRecord[] {
  mkdirSync(FOLDER, { recursive: true });
  const files = new Set(readdirSync(FOLDER));
  return names
    .filter((name) => files.has(`${name}.json`))
    .map((name) => JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8")));
}
