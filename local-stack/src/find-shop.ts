import { join } from "node:path";
import { CHECKOUT, stateFolder } from "./checkout.ts";
import { withEnvFile } from "./env-file.ts";
import { processesPath, readProcessesFile } from "./processes-file.ts";

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

/** What a shop with authentication wants to see. */
export const shopToken = (): string | undefined => environment["SHOP_TOKEN"] || undefined;
