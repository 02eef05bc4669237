import { cpuUsOf } from "../figures/process-figures.ts";
import type { LoadJob } from "../load/load-job.ts";
import type { Load } from "../load/start-load.ts";
import type { RunningPeer } from "../peers/peer.ts";
import type { Figures } from "../scenario.ts";

const CONNECTIONS = 32;
/** Until the compiler has done most of its work: the medians of seven rounds leave the rest out. */
const WARM_UP_S = 3;

export interface PeerLoad {
  readonly peer: RunningPeer;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly seconds: number;
}

const jobOf = ({ peer, path, headers, seconds }: PeerLoad): LoadJob => ({
  address: { host: "127.0.0.1", port: peer.port },
  requests: [{ path }],
  headers,
  connections: CONNECTIONS,
  seconds,
});

export async function warmUp(load: Load, it: PeerLoad, signal: AbortSignal): Promise<void> {
  await load.run({ ...jobOf(it), seconds: Math.min(it.seconds, WARM_UP_S) }, signal);
}

export async function loadPeer(load: Load, it: PeerLoad, signal: AbortSignal): Promise<Figures> {
  const [before] = cpuUsOf([it.peer.pid]);
  const result = await load.run(jobOf(it), signal);
  const [after] = cpuUsOf([it.peer.pid]);
  return {
    perSecond: result.ok / result.seconds,
    cpuUs: (after! - before!) / result.ok,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    failed: result.failed,
  };
}
