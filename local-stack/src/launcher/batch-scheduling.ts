import { execFileSync } from "node:child_process";
import { findOnPath } from "../servers/find-server.ts";

const chrt = process.platform === "linux" ? findOnPath("chrt") : null;

/**
 * Makes this process, and all that it starts from now on, batch work to Linux: who is woken waits until the one at work on its core
 * sleeps or has had its share. Eight programs wake each other thousands of times a second, and each one that is interrupted
 * comes back to caches that the others have filled.
 */
export function becomeBatchWork(): void {
  if (chrt === null) return;
  try {
    const args = ["--all-tasks", "--batch", "--pid", "0", `${process.pid}`];
    execFileSync(chrt, args, { stdio: "ignore" });
  } catch {
    // A sandbox may forbid it: then all is as it was, and only slower.
  }
}
