import { spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { withEnvFile } from "local-stack/launcher/env-file";
import { NOT_INSTALLED, STOPPED } from "local-stack/terminal/exit-codes";
import { findShop, shopToken } from "local-stack/launcher/find-shop";
import { say } from "local-stack/terminal/say";
import { listenForStop } from "local-stack/terminal/stop-signals";

const MAX_SEED = 2 ** 31;
const DEFAULT_EXAMPLES = "50";
const COMMANDS = ["schemathesis", "st"];

const HOW_TO_GET_IT = `Schemathesis is not here. It is a Python program:
  python3 -m venv .venv && .venv/bin/pip install schemathesis
  SCHEMATHESIS=.venv/bin/schemathesis npm run fuzz
Or have schemathesis on the PATH. Nothing was tried.`;

const USAGE = "npm run fuzz -- [URL of the gateway] [--seed 7] [--examples 50]";

/** 4 and not 3: it reads OpenAPI 3.1 and the configuration file. */
const NEEDED_MAJOR = 4;

function schemathesis(): string | undefined {
  const environment = withEnvFile(join(CHECKOUT, ".env"), process.env);
  const given = environment["SCHEMATHESIS"];
  const found = (given ? [given] : COMMANDS).find(isSchemathesis);
  return found;
}

function isSchemathesis(command: string): boolean {
  const { stdout } = spawnSync(command, ["--version"], { encoding: "utf8", cwd: CHECKOUT });
  const [, major] = /version (\d+)\./.exec(stdout ?? "") ?? [];
  return Number(major) >= NEEDED_MAJOR;
}

function readArguments() {
  const { values, positionals } = parseArgs({
    args: process.argv.slice(3),
    allowPositionals: true,
    options: {
      seed: { type: "string", default: String(randomInt(MAX_SEED)) },
      examples: { type: "string", default: DEFAULT_EXAMPLES },
    },
  });
  const [url, ...more] = positionals;
  if (more.length > 0) throw new Error(USAGE);
  return { ...values, url: (url ?? findShop()).replace(/\/$/, "") };
}

/** Its exit code is ours: 0 when every answer was as the document says, 1 when one was not. */
async function fuzz(stop: AbortSignal): Promise<number> {
  const { url, seed, examples } = readArguments();
  const command = schemathesis();
  if (command === undefined) {
    say(HOW_TO_GET_IT);
    return NOT_INSTALLED;
  }
  const token = shopToken();
  say(`Fuzzing ${url} with ${examples} examples for each operation; repeat it with --seed ${seed}`);
  const running = spawn(
    // A relative path is meant from the checkout, as it was when it was looked for.
    command.includes("/") ? resolve(CHECKOUT, command) : command,
    [
      "--config-file",
      "schemathesis.toml",
      "run",
      `${url}/openapi.json`,
      `--origin=${url}`,
      `--seed=${seed}`,
      `--max-examples=${examples}`,
      ...(token ? ["--header", `Authorization: Bearer ${token}`] : []),
    ],
    { cwd: join(CHECKOUT, "gateway", "fuzz"), stdio: "inherit" },
  );
  stop.addEventListener("abort", () => running.kill("SIGINT"), { once: true });
  const [code] = (await once(running, "exit")) as [number | null];
  return stop.aborted ? STOPPED : (code ?? 1);
}

const { signal, ignore } = listenForStop();
try {
  process.exitCode = await fuzz(signal);
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
} finally {
  ignore();
}
