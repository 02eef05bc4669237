import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

// Of what follows the program's name in /proc/<pid>/stat.
const STATE_FIELD = 0;
const THREADS_FIELD = 17;
const START_TIME_FIELD = 19;

/** Null when it has ended. It keeps its port until its last thread has, also when its main thread is a zombie already. */
export function startTimeIn(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const hasEnded = fields[STATE_FIELD] === "Z" && Number(fields[THREADS_FIELD]) <= 1;
  return hasEnded ? null : (fields[START_TIME_FIELD] ?? null);
}

/**
 * A number is given out again after a while, and always after a reboot: together with the moment of its start
 * it means one process only. Null when there is none.
 */
export function startTimeOf(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  try {
    if (process.platform === "linux") {
      const startTime = startTimeIn(readFileSync(`/proc/${pid}/stat`, "utf8"));
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
      return startTime && `${boot} ${startTime}`;
    }
    return (
      execFileSync("ps", ["-o", "lstart=", "-p", `${pid}`], { encoding: "utf8" }).trim() || null
    );
  } catch {
    return null;
  }
}

export interface ProcessIdentity {
  pid: number;
  startTime: string | null;
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: startTimeOf(pid) };
}

export function isStillRunning({ pid, startTime }: ProcessIdentity): boolean {
  return startTime !== null && startTimeOf(pid) === startTime;
}
