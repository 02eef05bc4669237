import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT, stateFolder } from "local-stack/terminal/checkout";
import { findOnPath } from "local-stack/servers/find-server";
import { runCommand } from "local-stack/processes/run-command";
import { say } from "local-stack/terminal/say";
import { nodeCommand, type Peer } from "./peer.ts";

const VERSIONS = { fastify: "5.12.8", "@fastify/http-proxy": "11.6.3" };
const INSTALL_TIMEOUT_MS = 120_000;
/** Not a part of the project: only the bench needs it. */
const FOLDER = join(
  stateFolder(CHECKOUT),
  "bench",
  `fastify-http-proxy-${VERSIONS["@fastify/http-proxy"]}`,
);
const INSTALLED = join(FOLDER, "node_modules", ".package-lock.json");

export const fastifyPeer: Peer = {
  name: `@fastify/http-proxy ${VERSIONS["@fastify/http-proxy"]}`,
  prepare: async (place, signal) => {
    try {
      await install(signal);
    } catch (error) {
      signal.throwIfAborted();
      const [reason] = (error as Error).message.split("\n");
      return `npm could not install it (${reason})`;
    }
    const { args, ...command } = nodeCommand("fastify-proxy.ts", place);
    return { ...command, args: [...args, FOLDER] };
  },
};

async function install(signal: AbortSignal): Promise<void> {
  // npm writes it as the last thing that it does.
  if (existsSync(INSTALLED)) return;
  const npm = findOnPath("npm");
  if (npm === null) throw new Error("no npm on the PATH");
  say("Installing @fastify/http-proxy for the bench.");
  mkdirSync(FOLDER, { recursive: true });
  const description = { private: true, dependencies: VERSIONS };
  writeFileSync(join(FOLDER, "package.json"), JSON.stringify(description));
  await runCommand({
    command: npm,
    args: ["install", "--no-audit", "--no-fund", "--ignore-scripts"],
    cwd: FOLDER,
    label: "npm install",
    timeoutMs: INSTALL_TIMEOUT_MS,
    signal,
  });
}
