/** What one run of one contender gave, by the column's key. */
export type Figures = Readonly<Record<string, number>>;

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly digits?: number;
  /** The highest of all runs instead of the median, which would hide a single one that went wrong. */
  readonly worst?: true;
}

/** One of those that are compared; a scenario may also have just one. */
export interface Contender {
  readonly name: string;
  run(signal: AbortSignal): Promise<Figures>;
}

export interface Ratio {
  readonly key: string;
  readonly title: string;
  /** The contender that has 1.00. */
  readonly to: string;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** For the reader of the table: what was sent, and what the columns mean. */
  readonly explanation: string;
  readonly columns: readonly Column[];
  readonly ratios: readonly Ratio[];
  readonly contenders: readonly Contender[];
  /** Who should be there and is not, and why. */
  readonly leftOut: readonly string[];
  /** Whose CPU and memory are in the figures as well, for a table of their own. */
  readonly processes?: readonly string[];
}

/** Runs a scenario while what it needs is up; the signal says when to stop. */
export type UseScenario = (scenario: Scenario, signal: AbortSignal) => Promise<void>;

export interface Settings {
  readonly rounds: number;
  readonly seconds: number;
}
