import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT, stateFolder } from "local-stack/terminal/checkout";
import { NOT_INSTALLED, STOPPED } from "local-stack/terminal/exit-codes";
import { withOwnSystem } from "local-stack/launcher/own-system";
import { say } from "local-stack/terminal/say";

const CLIENTS = [
  { title: "Postman collection", args: ["postman"] },
  { title: "k6 smoke test", args: ["load", "smoke"] },
  { title: "Schemathesis", args: ["fuzz", "--examples", "25", "--seed", "1"] },
];

/** One after the other, against a system of their own. Those that can't run here are left out, and it is said. */
async function runClients(shop: string, stop: AbortSignal): Promise<number> {
  const results: string[] = [];
  let failed = false;
  for (const { title, args } of CLIENTS) {
    say(`\n${title}`);
    const code = await run(args, shop, stop);
    if (stop.aborted) return STOPPED;
    if (code === NOT_INSTALLED) results.push(`left out  ${title}: not installed here`);
    else results.push(`${code === 0 ? "ok      " : "FAILED  "}  ${title}`);
    failed ||= code !== 0 && code !== NOT_INSTALLED;
  }
  say(`\n${results.join("\n")}`);
  return failed ? 1 : 0;
}

async function run(args: readonly string[], shop: string, stop: AbortSignal): Promise<number> {
  const bootstrap = join(CHECKOUT, "commands", "bootstrap.mjs");
  const client = spawn(process.execPath, [bootstrap, ...args], {
    env: { ...process.env, SHOP_URL: shop },
    stdio: "inherit",
  });
  const end = (): boolean => client.kill("SIGTERM");
  stop.addEventListener("abort", end);
  const [code] = (await once(client, "exit")) as [number | null];
  stop.removeEventListener("abort", end);
  return code ?? 1;
}

const FOLDER = join(stateFolder(CHECKOUT), "clients");

/** Kept after a failure: the system's folder is removed at its end. */
function keepLogs(logFolder: string): void {
  rmSync(FOLDER, { recursive: true, force: true });
  cpSync(logFolder, FOLDER, { recursive: true });
  say(`The logs of the system are in ${FOLDER}.`);
}

process.exitCode = await withOwnSystem(async (system, stop) => {
  const code = await runClients(system.url("gateway"), stop);
  if (code !== 0 && !stop.aborted) keepLogs(system.logFolder);
  return code;
});
