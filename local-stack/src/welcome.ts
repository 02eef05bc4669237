import { say, seconds } from "./say.ts";

/** What to do first, to be copied as it stands. */
function firstRequests(
  urls: Record<string, string>,
  environment: NodeJS.ProcessEnv = {},
): string[] {
  const json = "-H 'content-type: application/json'";
  const products = urls["gateway"] ?? urls["product-service"];
  const orders = urls["gateway"] ?? urls["order-service"];
  const who = environment["AUTH"] === "jwt" ? ` -H "authorization: Bearer $TOKEN"` : "";
  return [
    `curl -X POST ${products}/products${who} ${json} -d '{"name":"Espresso cup","price":9.5,"qty":100}'`,
    `curl -X POST ${orders}/orders${who} ${json} -d '{"productId":1,"qty":2}'`,
    `curl${who} ${orders}/orders/product/1`,
  ];
}

export function welcome(
  urls: Record<string, string>,
  startedAt: number,
  environment: NodeJS.ProcessEnv,
): void {
  const requests = firstRequests(urls, environment);
  const lines = Object.entries(urls).map(([name, url]) => `  ${name.padEnd(16)} ${url}`);
  say(`\nReady in ${seconds(startedAt)}.\n${lines.join("\n")}\n`);
  say(`Try:\n  ${requests.join("\n  ")}\n`);
  say("Logs are in .local-stack/logs. Press Ctrl-C to stop; the data stays.");
}
