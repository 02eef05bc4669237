import { findServerUrl } from "local-stack/launcher/find-shop";
import { say } from "local-stack/terminal/say";
import { SERVER_NAMES } from "local-stack/servers/server-table";

// For other programs: psql "$(npm run -s url order-db)"
try {
  const name = SERVER_NAMES.find((one) => one === process.argv[3]);
  if (name === undefined) throw new Error(`Give one of: ${SERVER_NAMES.join(", ")}.`);
  say(findServerUrl(name));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
