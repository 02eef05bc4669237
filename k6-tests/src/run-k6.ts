import { spawn } from "node:child_process";
import type { K6Command } from "./k6-command.ts";

// As a shell says of what a signal has ended.
const KILLED = 137;

/** Shows all that k6 shows. A stop is handed on: k6 then ends the load, and still checks the books. */
export function runK6({ command, args, env }: K6Command, stop: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    // In a group of its own: a Ctrl-C on the terminal would reach k6 twice, and for it a second one means at once.
    const detached = process.platform !== "win32";
    const k6 = spawn(command, args, { env, detached, stdio: ["ignore", "inherit", "inherit"] });
    const end = () => k6.kill("SIGINT");
    const kill = () => k6.kill("SIGKILL");
    stop.addEventListener("abort", end, { once: true });
    process.on("exit", kill);
    k6.once("error", (error) => reject(new Error(`${command} can't be run: ${error.message}`)));
    k6.once("exit", (code) => {
      stop.removeEventListener("abort", end);
      process.off("exit", kill);
      resolve(code ?? KILLED);
    });
  });
}
