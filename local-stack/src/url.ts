import { findServerUrl } from "./find-shop.ts";
import { say } from "./say.ts";
import { SERVER_NAMES } from "./server-table.ts";

// For other programs: psql "$(npm run -s url order-db)"
try {
  const name = SERVER_NAMES.find((one) => one === process.argv[3]);
  if (name === undefined) throw new Error(`Give one of: ${SERVER_NAMES.join(", ")}.`);
  say(findServerUrl(name));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
