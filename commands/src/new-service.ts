import { parseArgs } from "node:util";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { STOPPED } from "local-stack/terminal/exit-codes";
import { packageTool } from "local-stack/terminal/package-tool";
import { runCommand } from "local-stack/processes/run-command";
import { say } from "local-stack/terminal/say";
import { listenForStop } from "local-stack/terminal/stop-signals";
import { join } from "node:path";
import { addService } from "./scaffold/add-service.ts";
import { linkPackage } from "./scaffold/link-package.ts";

const STEP_TIMEOUT_MS = 300_000;
const USAGE = `npm run new:service -- NAME [--item ITEM] [--redis]
  NAME     one word, e.g. shipping for shipping-service
  --item   what it keeps, one word in the singular: shipment for GET /shipments; NAME by default
  --redis  gives it a Redis of its own`;

const { signal, ignore } = listenForStop();

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: process.argv.slice(3),
    options: { item: { type: "string" }, redis: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const [name] = positionals;
  if (name === undefined || positionals.length > 1) throw new Error(USAGE);
  const { item = name, redis } = values;
  const { names, paths, undo } = addService(CHECKOUT, { name, item, redis });
  try {
    linkPackage(CHECKOUT, names.service);
    await step("The generated documents", process.execPath, [
      join(CHECKOUT, "commands/src/docs.ts"),
    ]);
    const format = packageTool(CHECKOUT, "oxfmt", paths);
    await step("Formatting", format.command, format.args);
  } catch (error) {
    undo();
    throw error;
  }
  say(
    `${names.service} is there: GET /${names.items} through the gateway, a line for each order that is done.\n` +
      `Try: npm start, then curl localhost:4000/${names.items}\n` +
      `Its tests: npm test -- ${names.service}. Make it yours: docs/extending.md`,
  );
}

const step = (label: string, command: string, args: readonly string[]): Promise<unknown> =>
  runCommand({
    command,
    args: [...args],
    cwd: CHECKOUT,
    label,
    timeoutMs: STEP_TIMEOUT_MS,
    signal,
  });

try {
  await main();
} catch (error) {
  if (!signal.aborted) say((error as Error).message);
  process.exitCode = signal.aborted ? STOPPED : 1;
} finally {
  ignore();
}
