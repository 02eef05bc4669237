import { CHECKOUT, stateFolder } from "./checkout.ts";
import { processesPath, readProcessesFile } from "./processes-file.ts";

/** Where the shop is: as it is set, else the first of these programs that runs in this checkout. */
export function shopUrl(given: string | undefined, programs: readonly string[]): string {
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
