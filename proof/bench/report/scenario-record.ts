import type { Machine } from "../figures/machine.ts";
import type { Column } from "../scenario.ts";

/** Figures that could not be had are NaN. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly {
    readonly name: string;
    readonly figures: Readonly<Record<string, number>>;
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
