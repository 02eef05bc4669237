import { execFileSync } from "node:child_process";
import { findOnPath } from "./find-server.ts";

const chrt = process.platform === "linux" ? findOnPath("chrt") : null;

/**
 * From now on whatever this process starts is scheduled as batch work by Linux, as it is itself: who is woken waits until the one
 * at work sleeps or has had its share. Nine processes on a few cores wake each other thousands of times a second, and each one
 * that is interrupted comes back to caches that the others have filled.
 */
export function startAsBatchWork(): void {
  if (chrt === null) return;
  try {
    execFileSync(chrt, ["--batch", "--pid", "0", `${process.pid}`], { stdio: "ignore" });
  } catch {
    // A sandbox may forbid it: then all is as it was, and only slower.
  }
}
