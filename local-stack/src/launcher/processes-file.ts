import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { identityOf, startTimeOf, type ProcessIdentity } from "../processes/process-identity.ts";
import type { LaunchedServer } from "../processes/running-server.ts";
import { OWNER_ALONE, writeWhole } from "../terminal/write-whole.ts";

export interface ProcessEntry extends ProcessIdentity {
  name: string;
  port: number;
  url: string;
  /** RabbitMQ's epmd, which would outlive it. */
  helpers?: ProcessIdentity[];
  container?: string;
}

export interface ProcessesFile {
  set: (launched: LaunchedServer) => void;
  remove: () => void;
}

export const processesPath = (stateFolder: string) => join(stateFolder, "processes.json");

export function openProcessesFile(path: string): ProcessesFile {
  const entries = new Map<string, ProcessEntry>();
  mkdirSync(dirname(path), { recursive: true });
  return {
    set({ name, pid, port, url, helperPids, container }) {
      const helpers = helperPids.length > 0 ? { helpers: helperPids.map(identityOf) } : {};
      entries.set(name, {
        name,
        pid,
        port,
        url,
        startTime: startTimeOf(pid),
        ...helpers,
        ...(container !== undefined && { container }),
      });
      // The URLs hold the operator's passwords.
      writeWhole(path, `${JSON.stringify([...entries.values()], null, 2)}\n`, OWNER_ALONE);
    },
    remove: () => rmSync(path, { force: true }),
  };
}

/** Nothing when there is no such file, or when it is not one of ours. */
export function readProcessesFile(path: string): ProcessEntry[] {
  if (!existsSync(path)) return [];
  try {
    const entries: unknown = JSON.parse(readFileSync(path, "utf8"));
    return Array.isArray(entries) ? (entries as ProcessEntry[]) : [];
  } catch {
    return [];
  }
}
