import { CHECKOUT } from "local-stack/terminal/checkout";
import { build } from "local-stack/programs/build";
import { STOPPED, WRONG_OR_UNASKED } from "local-stack/terminal/exit-codes";
import { say } from "local-stack/terminal/say";
import { listenForStop } from "local-stack/terminal/stop-signals";

/** A command line that can't be understood. */
export class UsageError extends Error {}

/** Hands back the exit code. */
export type Command = (args: readonly string[], stop: AbortSignal) => Promise<number>;

/** The whole of an entry file: builds what the command stands on, runs it, and ends with its exit code. */
export async function runCommandLine(load: () => Promise<Command>): Promise<void> {
  const { signal, ignore } = listenForStop();
  try {
    await build(CHECKOUT, ["service-kit"], signal);
    const command = await load();
    process.exitCode = await command(process.argv.slice(3), signal);
  } catch (error) {
    if (!signal.aborted) say((error as Error).message);
    process.exitCode = signal.aborted ? STOPPED : WRONG_OR_UNASKED;
  } finally {
    ignore();
  }
}
