import type { ClaimedPort } from "./config.ts";
import { isPortFree } from "./ports.ts";

/** Before anything is started, so that a busy port leaves nothing behind. */
export async function checkPorts(claims: readonly ClaimedPort[]): Promise<void> {
  const free = await Promise.all(claims.map(({ port }) => isPortFree(port)));
  const busy = claims.filter((_, index) => !free[index]);
  if (busy.length === 0) return;
  const lines = busy.map(
    ({ port, variable, whose }) =>
      `Port ${port}, which ${whose} needs, is taken by another program. Free it, or set ${variable} to another port.`,
  );
  throw new Error(lines.join("\n"));
}
