import type { LauncherConfig } from "./config.ts";
import { LOOPBACK } from "../processes/ports.ts";
import type { Program } from "../programs/programs.ts";
import { say, seconds } from "../terminal/say.ts";

/** Lines for sh, bash and zsh, to be copied as they stand: the order is for the product that was created. */
export function firstRequests(
  urls: Record<string, string>,
  environment: NodeJS.ProcessEnv = {},
): string[] {
  const json = "-H 'content-type: application/json'";
  const products = urls["gateway"] ?? urls["product-service"];
  const orders = urls["gateway"] ?? urls["order-service"];
  const who = environment["AUTH"] === "jwt" ? ` -H "authorization: Bearer $TOKEN"` : "";
  const takeId = `sed -n 's/.*"data":{"id":\\([0-9]*\\).*/\\1/p'`;
  return [
    `ID=$(curl -s ${products}/products${who} ${json} -d '{"name":"Espresso cup","price":9.5,"qty":100}' | ${takeId})`,
    `curl ${orders}/orders${who} ${json} -d "{\\"productId\\":$ID,\\"qty\\":2}"`,
    `curl${who} ${orders}/orders/product/$ID`,
  ];
}

/** Everything that one may open, by what it is. */
export function addressesToOpen(
  urls: Record<string, string>,
  programs: readonly Program[],
  { serverPorts, programPorts }: Pick<LauncherConfig, "serverPorts" | "programPorts">,
): [what: string, url: string][] {
  const at = (port: number) => `http://${LOOPBACK}:${port}`;
  const shop = urls["gateway"];
  const metrics = programs.map(({ name, port, morePorts = [] }): [string, string] => {
    const { variable, number } = morePorts.find(({ passAs }) => passAs === "ADMIN_PORT") ?? port;
    return [`metrics of ${name}`, `${at(programPorts[variable] ?? number)}/metrics`];
  });
  const page = serverPorts.management;
  return [
    ...(shop === undefined
      ? []
      : ([
          ["shop", shop],
          ["API reference", `${shop}/docs`],
        ] as const)),
    ...(page === undefined ? [] : ([["RabbitMQ management", at(page)]] as const)),
    ...metrics,
  ].map(([what, url]) => [what, url]);
}

export function welcome(
  urls: Record<string, string>,
  programs: readonly Program[],
  { startedAt, config }: { startedAt: number; config: LauncherConfig },
): void {
  const requests = firstRequests(urls, config.environment);
  const addresses = addressesToOpen(urls, programs, config);
  const lines = addresses.map(([what, url]) => `  ${what.padEnd(27)} ${url}`);
  say(`\nReady in ${seconds(startedAt)}.\n${lines.join("\n")}\n`);
  say(`Try:\n  ${requests.join("\n  ")}\n`);
  say(
    "npm run status shows what runs. Logs are in .local-stack/logs. Press Ctrl-C to stop; the data stays.",
  );
}
