import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { stateFolder } from "../terminal/checkout.ts";
import { lockPath } from "./launcher-lock.ts";

// Of a line of /proc/net/tcp.
const ADDRESS_FIELD = 1;
const STATE_FIELD = 3;
const INODE_FIELD = 9;
const LISTENING = "0A";

/** Which process listens on a port, as far as Linux shows it. */
export function portHolder(port: number): { pid: number; checkout: string | null } | null {
  if (process.platform !== "linux") return null;
  const sockets = new Set(listeningSockets(port));
  const pid = pids().find((one) => openFiles(one).some((file) => sockets.has(file)));
  return pid === undefined ? null : { pid, checkout: checkoutOf(pid) };
}

function listeningSockets(port: number): string[] {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap((table) => orNothing(() => readFileSync(table, "utf8").split("\n")) ?? [])
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[STATE_FIELD] === LISTENING && fields[ADDRESS_FIELD]?.endsWith(end))
    .map((fields) => `socket:[${fields[INODE_FIELD]}]`);
}

const pids = (): number[] => readdirSync("/proc").map(Number).filter(Number.isInteger);

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const files = orNothing(() => readdirSync(folder)) ?? [];
  return files.flatMap((file) => orNothing(() => readlinkSync(join(folder, file))) ?? []);
}

/** A server works in its data folder, a program in its own: both are in the checkout that started them. */
function checkoutOf(pid: number): string | null {
  let folder = orNothing(() => readlinkSync(`/proc/${pid}/cwd`)) ?? "/";
  while (!existsSync(lockPath(stateFolder(folder)))) {
    if (folder === dirname(folder)) return null;
    folder = dirname(folder);
  }
  return folder;
}

/** Processes end while they are looked at, and other users' are closed to us. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
