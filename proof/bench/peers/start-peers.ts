import { lastingPorts } from "local-stack/processes/ports";
import { CORES } from "../machine.ts";
import { gatewayPeers } from "./our-gateway.ts";
import { barePeer, fastifyPeer, krakendPeer, nginxPeer } from "./peers.ts";
import {
  nodeCommand,
  startOn,
  stopProcess,
  waitForAnswer,
  type Peer,
  type RunningPeer,
} from "./peer.ts";
import { PRODUCT_ID } from "./stub-answers.ts";

const PEERS: readonly Peer[] = [...gatewayPeers, barePeer, fastifyPeer, krakendPeer, nginxPeer];

export const PRODUCT_PATH = `/products/${PRODUCT_ID}`;

export interface Peers {
  readonly running: readonly RunningPeer[];
  readonly leftOut: readonly { readonly peer: Peer; readonly reason: string }[];
  stop(): Promise<void>;
}

/** All at once, in front of one stub; only one of them has anything to do at a time. */
export async function startPeers(
  folder: string,
  clientHeaders: Record<string, string>,
  signal: AbortSignal,
): Promise<Peers> {
  const running: RunningPeer[] = [];
  const leftOut: { peer: Peer; reason: string }[] = [];
  const [upstreamPort, ...ports] = await lastingPorts(PEERS.length + 1);
  const stub = await startOn(
    CORES.upstream,
    nodeCommand("stub-upstream.ts", { port: upstreamPort!, upstreamPort: upstreamPort! }),
    folder,
  );
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((each) => each.stop()));
    await stopProcess(stub);
  };
  try {
    await waitForAnswer(`http://127.0.0.1:${upstreamPort}${PRODUCT_PATH}`, stub, {}, signal);
    for (const [index, peer] of PEERS.entries()) {
      const port = ports[index]!;
      const command = await peer.prepare({ port, upstreamPort: upstreamPort!, folder }, signal);
      if (typeof command === "string") {
        leftOut.push({ peer, reason: command });
        continue;
      }
      const started = await startOn(CORES.measured, command, folder);
      running.push({ peer, port, pid: started.pid, stop: () => stopProcess(started) });
      for (const path of [PRODUCT_PATH, peer.aggregatePath ?? PRODUCT_PATH]) {
        await waitForAnswer(`http://127.0.0.1:${port}${path}`, started, clientHeaders, signal);
      }
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { running, leftOut, stop };
}
