import { parseArgs, type ParseArgsConfig } from "node:util";
import type { Addresses } from "./config.ts";

export const EXIT = { ok: 0, found: 1, failed: 2, stopped: 130 } as const;

/** What a command works on. */
export interface Scene {
  readonly addresses: Addresses;
  /** Discarded messages are kept there. */
  readonly discarded: string;
  readonly stop: AbortSignal;
}

/** Returns the exit code. */
export type Command = (args: readonly string[], scene: Scene) => Promise<number>;

/** A command line that cannot be understood. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** `parseArgs`, whose complaints come with the usage of the command. */
export function parseOptions<O extends Options>(
  args: readonly string[],
  config: { options: O; allowPositionals?: boolean },
  usage: string,
) {
  try {
    return parseArgs({ args: [...args], ...config });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
}

/** The whole number that an option has. */
export function wholeNumber(
  [option, text]: readonly [option: string, text: string],
  { least, most }: { least: number; most: number },
  usage: string,
): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(
    `${option} must be a whole number from ${least} to ${most}, not "${text}".\n\n${usage}`,
  );
}
