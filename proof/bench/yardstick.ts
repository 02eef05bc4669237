import { rm } from "node:fs/promises";
import { lastingPorts } from "local-stack/processes/ports";
import { makeTemporaryFolder } from "local-stack/processes/temporary-folder";
import type { LoadJob } from "./load.ts";
import { startLoad } from "./start-load.ts";
import { CORES } from "./machine.ts";
import { nodeCommand, startOn, stopProcess, waitForAnswer } from "./peers/peer.ts";
import { PRODUCT_ID } from "./peers/stub-answers.ts";

const CONNECTIONS = 32;
const WARM_UP_S = 1;
const MEASURED_S = 2;
const PATH = `/products/${PRODUCT_ID}`;

/**
 * How fast the machine is just now: requests/s of a bare Node server on one core. Figures of two machines, or of two
 * days on a shared one, can be compared by it.
 */
export async function bareServerRate(signal: AbortSignal): Promise<number> {
  const folder = await makeTemporaryFolder("bench");
  const load = startLoad(CORES.load);
  const [port = 0] = await lastingPorts(1);
  const command = nodeCommand("stub-upstream.ts", { port, upstreamPort: port });
  const server = await startOn(CORES.measured, command, folder);
  const job: LoadJob = {
    url: `http://127.0.0.1:${port}`,
    requests: [{ path: PATH }],
    connections: CONNECTIONS,
    seconds: MEASURED_S,
  };
  try {
    await waitForAnswer(`http://127.0.0.1:${port}${PATH}`, server, {}, signal);
    await load.run({ ...job, seconds: WARM_UP_S }, signal);
    const { ok, seconds } = await load.run(job, signal);
    return ok / seconds;
  } finally {
    load.stop();
    await stopProcess(server);
    await rm(folder, { recursive: true, force: true });
  }
}
