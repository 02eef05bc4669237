// The on-call commands: node main.js COMMAND ARGUMENTS…
import { join } from "node:path";
import { EXIT, type Command } from "./command.ts";
import { ordersCompare } from "./compare/orders-compare.ts";
import { findAddresses, stateFolder } from "./config.ts";
import { deadLetters } from "./dead-letters/dead-letters.ts";
import { print } from "./output.ts";
import { ordersStuck } from "./stuck/orders-stuck.ts";

const COMMANDS: Readonly<Record<string, Command>> = {
  "orders:stuck": ordersStuck,
  "orders:compare": ordersCompare,
  "dead-letters": deadLetters,
};

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop.abort());

const [name = "", ...args] = process.argv.slice(2);
const folder = process.cwd();
try {
  const command = COMMANDS[name];
  if (!command) throw new Error(`Give one of: ${Object.keys(COMMANDS).join(", ")}.`);
  const code = await command(args, {
    addresses: findAddresses(folder),
    discarded: join(stateFolder(folder), "discarded"),
    stop: stop.signal,
  });
  process.exitCode = stop.signal.aborted ? EXIT.stopped : code;
} catch (error) {
  if (!stop.signal.aborted) print((error as Error).message);
  process.exitCode = stop.signal.aborted ? EXIT.stopped : EXIT.failed;
}
