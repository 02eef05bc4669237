import type { ClaimedPort } from "./config.ts";
import { portHolder } from "./port-holder.ts";
import { isPortFree } from "../processes/ports.ts";

/** Before anything is started, so that a busy port leaves nothing behind. */
export async function checkPorts(claims: readonly ClaimedPort[]): Promise<void> {
  const free = await Promise.all(claims.map(({ port }) => isPortFree(port)));
  const busy = claims.filter((_, index) => !free[index]);
  if (busy.length === 0) return;
  const lines = busy.map(
    ({ port, variable, whose }) =>
      `Port ${port}, which ${whose} needs, is taken by ${holderOf(port)}. Free it, or set ${variable} to another port.`,
  );
  if (busy.length > 1) lines.push("PORT_OFFSET=100 npm start moves every port by 100.");
  throw new Error(lines.join("\n"));
}

function holderOf(port: number): string {
  const holder = portHolder(port);
  if (holder === null) return "another program";
  if (holder.checkout === null) return `another program (process ${holder.pid})`;
  return `the checkout ${holder.checkout} (process ${holder.pid})`;
}
