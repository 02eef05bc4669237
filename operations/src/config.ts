import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readEnvFile } from "@shop/service-kit/config/env-file";

/** The servers that a command asks. */
export interface Addresses {
  readonly orderDb: string;
  readonly productDb: string;
  readonly rabbitmq: string;
}

/** Of a checkout, or of the folder that the commands' image runs in. */
export const stateFolder = (folder: string): string => join(folder, ".local-stack");

/**
 * Each server's URL: its variable in the environment or in `.env`, else the one that `npm start` runs here. Looked up when it
 * is needed: `dead-letters` asks no database.
 */
export function findAddresses(folder: string): Addresses {
  const find = (variable: string, server: string): string => {
    const url =
      process.env[variable] ||
      readEnvFile(join(folder, ".env"))[variable] ||
      runningUrl(folder, server);
    if (url) return url;
    throw new Error(`No ${server} runs here. Run npm start first, or set ${variable}.`);
  };
  return {
    get orderDb() {
      return find("ORDER_DATABASE_URL", "order-db");
    },
    get productDb() {
      return find("PRODUCT_DATABASE_URL", "product-db");
    },
    get rabbitmq() {
      return find("RABBITMQ_URL", "rabbitmq");
    },
  };
}

/** The launcher replaces the file in one step, so it is never half written. */
function runningUrl(folder: string, server: string): string | undefined {
  const path = join(stateFolder(folder), "processes.json");
  if (!existsSync(path)) return undefined;
  const entries = JSON.parse(readFileSync(path, "utf8")) as { name: string; url: string }[];
  return entries.find(({ name }) => name === server)?.url;
}
