import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { becomeBatchWork } from "local-stack/launcher/batch-scheduling";
import { CHECKOUT, stateFolder } from "local-stack/terminal/checkout";
import { withEnvFile } from "local-stack/launcher/env-file";
import { NOT_INSTALLED, STOPPED } from "local-stack/terminal/exit-codes";
import { say } from "local-stack/terminal/say";
import { findShop, shopToken } from "local-stack/launcher/find-shop";
import { listenForStop } from "local-stack/terminal/stop-signals";
import { findK6, howToGetK6 } from "./find-k6.ts";
import { k6Command } from "./k6-command.ts";
import { drawNewest } from "./draw-newest.ts";
import { parseLoadArguments } from "./load-arguments.ts";
import { lineOf } from "./load-line.ts";
import { exitCodeOf } from "./load-outcome.ts";
import { markStopped, readRecord, recordFile } from "./record-files.ts";
import { runK6 } from "./run-k6.ts";
import { K6_TESTS, scriptNames } from "./scripts.ts";

const ANSWER_TIMEOUT_MS = 5_000;
const PICTURE = "picture";
const FOLDER = join(stateFolder(CHECKOUT), "load");

const environment = withEnvFile(join(CHECKOUT, ".env"), process.env);

async function assertAnswers(shop: string): Promise<void> {
  try {
    await fetch(`${shop}/health`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch (error) {
    throw new Error(`${shop} does not answer. Is npm start running?`, { cause: error });
  }
}

async function runScript(script: string, url: string | undefined, stop: AbortSignal) {
  const shop = url?.replace(/\/+$/, "") ?? findShop();
  await assertAnswers(shop);
  const k6 = await findK6(environment["K6"], stop);
  if (k6 === null) {
    say(howToGetK6(process.platform));
    return NOT_INSTALLED;
  }
  mkdirSync(FOLDER, { recursive: true });
  const file = recordFile(script, new Date());
  const token = environment["TOKEN"] || shopToken();
  const run = { script, scripts: K6_TESTS, shop, token, folder: FOLDER, file };
  const { getuid, getgid, platform, stdout } = process;
  const user = getuid && getgid ? { uid: getuid(), gid: getgid() } : undefined;
  const place = { platform, isTerminal: stdout.isTTY, user };
  // The shop is batch work too: on its machine an ordinary k6 would interrupt it with each of its wakes.
  becomeBatchWork();
  const code = await runK6(k6Command(k6, run, place, environment), stop);
  const summary = stop.aborted ? markStopped(FOLDER, file) : join(FOLDER, file);
  const record = readRecord(summary);
  if (record === null) return code || 1;
  if (stop.aborted) say("\nStopped before its end: these are not the figures of a whole run.");
  say(`\n${lineOf(record)}\nThe summary is in ${summary}`);
  return stop.aborted ? STOPPED : exitCodeOf(record, code);
}

async function main(): Promise<number> {
  const names = [...scriptNames(), PICTURE];
  const { name, url } = parseLoadArguments(process.argv.slice(3), names);
  if (name === undefined) {
    say(
      `npm run load -- <name> [--url http://…], where <name> is one of:\n  ${names.join("\n  ")}`,
    );
    return 0;
  }
  if (name === PICTURE) {
    say(drawNewest(FOLDER));
    return 0;
  }
  const { signal, ignore } = listenForStop();
  try {
    return await runScript(name, url, signal);
  } finally {
    ignore();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
