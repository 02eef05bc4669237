import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { becomeBatchWork } from "local-stack/launcher/batch-scheduling";
import { withEnvFile } from "local-stack/launcher/env-file";
import { findShop, shopToken } from "local-stack/launcher/find-shop";
import { findOnPath } from "local-stack/servers/find-server";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { NOT_INSTALLED, STOPPED } from "local-stack/terminal/exit-codes";
import { say } from "local-stack/terminal/say";
import { listenForStop } from "local-stack/terminal/stop-signals";

const K6_TESTS = join(CHECKOUT, "k6-tests");
const ANSWER_LIMIT_MS = 5_000;
/** Go's collector at half of its usual work: where k6 is on the shop's machine its CPU is taken from what it measures. */
const GOGC = "200";
const SCRIPTS = readdirSync(K6_TESTS)
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.replace(/\.js$/, ""));

const USAGE = `npm run load -- SCRIPT [--url http://…]
  sends load to the shop that npm start runs, to SHOP_URL or to --url. SCRIPT is one of:
  ${SCRIPTS.join("\n  ")}
Settings (RATE, DURATION, STRICT …) stand in k6-tests/parts/settings.js, and are set in the environment.
Exit code: k6's own, 99 when a threshold was crossed; 3 when k6 is not installed.`;

const NO_K6 = `k6 is not on the PATH, and K6 does not name it.
  get it:       https://grafana.com/docs/k6/latest/set-up/install-k6/
  with Go:      go install go.k6.io/k6@latest
  with Docker:  docker run --rm --network host -v ./k6-tests:/k6-tests:ro -e BASE_URL grafana/k6 run /k6-tests/SCRIPT.js`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: process.argv.slice(3),
    options: { url: { type: "string" } },
    allowPositionals: true,
  });
  const [script, ...more] = positionals;
  if (script === undefined) {
    say(USAGE);
    return 0;
  }
  if (more.length > 0 || !SCRIPTS.includes(script)) {
    throw new Error(`There is no script ${positionals.join(" ")}.\n\n${USAGE}`);
  }
  const environment = withEnvFile(join(CHECKOUT, ".env"), process.env);
  const shop = values.url?.replace(/\/+$/, "") ?? findShop();
  await fetch(`${shop}/health`, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) }).catch((cause) => {
    throw new Error(`${shop} does not answer. Is npm start running?`, { cause });
  });
  const k6 = environment["K6"] || findOnPath(process.platform === "win32" ? "k6.exe" : "k6");
  if (!k6) {
    say(NO_K6);
    return NOT_INSTALLED;
  }
  const token = environment["TOKEN"] || shopToken();
  const tokenVariable = token === undefined ? {} : { TOKEN: token };
  return run(k6, script, { GOGC, ...environment, ...tokenVariable, BASE_URL: shop });
}

/** Shows all that k6 shows. A stop is passed on: k6 then ends the load, and still checks the books. */
async function run(k6: string, script: string, env: NodeJS.ProcessEnv): Promise<number> {
  // The shop is batch work too: on its machine an ordinary k6 would interrupt it with each of its wakes.
  becomeBatchWork();
  const { signal, ignore } = listenForStop();
  // In a group of its own: a Ctrl-C on the terminal would reach k6 twice, and for it a second one means at once.
  const child = spawn(k6, ["run", "--no-usage-report", join(K6_TESTS, `${script}.js`)], {
    env,
    detached: process.platform !== "win32",
    stdio: ["ignore", "inherit", "inherit"],
  });
  signal.addEventListener("abort", () => child.kill("SIGINT"), { once: true });
  process.once("exit", () => child.kill("SIGKILL"));
  try {
    const [code] = (await once(child, "exit")) as [number | null];
    return signal.aborted ? STOPPED : (code ?? 1);
  } catch (error) {
    throw new Error(`${k6} cannot be run: ${(error as Error).message}`, { cause: error });
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
