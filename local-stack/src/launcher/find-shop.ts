import { join } from "node:path";
import { CHECKOUT, stateFolder } from "../terminal/checkout.ts";
import { withEnvFile } from "./env-file.ts";
import { processesPath, readProcessesFile } from "./processes-file.ts";
import { SERVERS, type ServerName } from "../servers/server-table.ts";

const environment = withEnvFile(join(CHECKOUT, ".env"), process.env);

/** The URL of the shop that a command is for: SHOP_URL, else the gateway that npm start runs here. */
export function findShop(): string {
  const given = environment["SHOP_URL"];
  if (given) return given.replace(/\/+$/, "");
  const running = readProcessesFile(processesPath(stateFolder(CHECKOUT)));
  const gateway = running.find(({ name }) => name === "gateway");
  if (gateway === undefined) {
    throw new Error(
      "Nothing runs here. Run npm start first, or set SHOP_URL to where the shop is.",
    );
  }
  return gateway.url;
}

/** The URL of one of its servers: its variable, e.g. ORDER_DATABASE_URL, else the one that npm start runs here. */
export function findServerUrl(name: ServerName): string {
  const { urlVariable } = SERVERS[name];
  const given = environment[urlVariable];
  if (given) return given;
  const running = readProcessesFile(processesPath(stateFolder(CHECKOUT)));
  const server = running.find((entry) => entry.name === name);
  if (server === undefined) {
    throw new Error(`No ${name} runs here. Run npm start first, or set ${urlVariable}.`);
  }
  return server.url;
}

/** What a shop with authentication wants to see. */
export const shopToken = (): string | undefined => environment["SHOP_TOKEN"] || undefined;
