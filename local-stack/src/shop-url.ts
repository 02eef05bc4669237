import { join } from "node:path";
import { CHECKOUT, stateFolder } from "./checkout.ts";
import { withEnvFile } from "./env-file.ts";
import { processesPath, readProcessesFile } from "./processes-file.ts";

/** With what stands in .env. */
export const environment = withEnvFile(join(CHECKOUT, ".env"), process.env);

/** Where the shop is: as given, else the first of these programs that runs here. */
export function shopUrl(...programs: readonly string[]): string {
  const given = environment["SHOP_URL"];
  if (given) return given.replace(/\/$/, "");
  const running = readProcessesFile(processesPath(stateFolder(CHECKOUT)));
  const shop = programs
    .map((wanted) => running.find(({ name }) => name === wanted))
    .find((entry) => entry !== undefined);
  if (shop === undefined) {
    throw new Error(
      "Nothing runs here. Run npm start first, or set SHOP_URL to where the shop is.",
    );
  }
  return shop.url;
}
