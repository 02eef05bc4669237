import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LoadJob, LoadResult } from "./load.ts";
import { onCores } from "./machine.ts";

export interface Load {
  run(job: LoadJob, signal: AbortSignal): Promise<LoadResult>;
  stop(): void;
}

/** The load generator in a process of its own, so that nothing else that the bench does delays a request or an answer's time. */
export function startLoad(cores?: readonly number[]): Load {
  const file = fileURLToPath(new URL("load-generator.ts", import.meta.url));
  const { command, args } = onCores(cores, process.execPath, [file]);
  const generator = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  generator.on("error", () => undefined);
  const gone = once(generator, "exit").then((): never => {
    throw new Error("the load generator has ended");
  });
  gone.catch(() => undefined);
  return {
    run: async (job, signal) => {
      signal.throwIfAborted();
      generator.send(job);
      const [result] = await Promise.race([once(generator, "message", { signal }), gone]);
      return result as LoadResult;
    },
    stop: () => {
      if (generator.connected) generator.disconnect();
    },
  };
}
