import { join } from "node:path";
import { startProcess, type ManagedProcess } from "local-stack/processes/managed-process";
import { waitUntil } from "local-stack/processes/wait-until";
import { onCores } from "../machine.ts";

/** To the upstream, for each peer as for our gateway. */
export const KEPT_CONNECTIONS = 256;

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;

/** Where a peer runs. */
export interface Place {
  readonly port: number;
  readonly upstreamPort: number;
  /** For files that it needs; removed afterwards. */
  readonly folder: string;
}

export interface PeerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

export interface Peer {
  readonly name: string;
  /** What to run; or, as text, why it can't run here. */
  prepare(place: Place, signal: AbortSignal): Promise<PeerCommand | string>;
  /** Its path for a product with its orders, if it can. */
  readonly aggregatePath?: string;
}

export interface RunningPeer {
  readonly peer: Peer;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Ours by its file, run by our own Node. */
export const nodeCommand = (
  file: string,
  { port, upstreamPort }: Pick<Place, "port" | "upstreamPort">,
): PeerCommand => ({
  command: process.execPath,
  args: [join(import.meta.dirname, file), `${port}`, `${upstreamPort}`, `${KEPT_CONNECTIONS}`],
  env: { NODE_ENV: "production" },
});

export async function startOn(
  cores: readonly number[],
  { command, args, cwd, env }: PeerCommand,
  folder: string,
): Promise<ManagedProcess> {
  return startProcess({
    ...onCores(cores, command, args),
    cwd: cwd ?? folder,
    env: { ...process.env, ...env },
  });
}

export async function waitForAnswer(
  url: string,
  started: ManagedProcess,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  await waitUntil(
    async () => {
      if (started.hasExited()) throw new Error(`it has ended: ${started.recentOutput()}`);
      const answer = await fetch(url, { headers }).catch(() => undefined);
      await answer?.arrayBuffer();
      return answer?.status === 200;
    },
    { what: url, timeoutMs: START_TIMEOUT_MS, signal },
  );
}

export async function stopProcess(started: ManagedProcess): Promise<void> {
  await started.signal("SIGTERM");
  const limit = setTimeout(() => void started.signal("SIGKILL"), STOP_TIMEOUT_MS);
  await started.exited;
  clearTimeout(limit);
}
