import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { TIME_FACTOR } from "./time-factor.ts";
import { compileCacheSettings, nodeArguments } from "local-stack/programs/programs";

const LISTEN_LIMIT_MS = 45_000;

/** `npm test` keeps this folder when a test fails. */
export const LOG_FOLDER = join(tmpdir(), "order-system-logs");

function openLog(name: string) {
  mkdirSync(LOG_FOLDER, { recursive: true });
  return createWriteStream(join(LOG_FOLDER, `${name}.log`));
}

/** A test that fails in its set-up ends nothing: its programs end with the test's own process. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface ServiceProcess {
  readonly url: string;
  readonly pid: number;
  readonly lines: string[];
  /** Sends the signal and waits for the end; gives back the exit code, `null` when the signal ended it. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Runs a built program as a process of its own, which can be killed; resolves when it listens. */
export async function startServiceProcess(
  folder: string,
  environment: Record<string, string>,
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, nodeArguments(), {
    cwd: join(CHECKOUT, folder),
    env: {
      PATH: process.env["PATH"],
      HOST: "127.0.0.1",
      PORT: "0",
      ...compileCacheSettings(CHECKOUT),
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const log = openLog(`${folder}-${child.pid}`);
  running.add(child);
  const exited = once(child, "exit");
  void exited.finally(() => {
    running.delete(child);
    log.end();
  });
  const url = await new Promise<string>((resolve, reject) => {
    const limit = setTimeout(
      () => reject(new Error(`does not listen:\n${lines.join("\n")}`)),
      LISTEN_LIMIT_MS * TIME_FACTOR,
    );
    const take = (line: string): void => {
      lines.push(line);
      log.write(`${line}\n`);
      const listening = /"url":"([^"]+)".*"msg":"listening"/.exec(line);
      if (listening?.[1]) resolve(listening[1]);
    };
    createInterface(child.stdout).on("line", take);
    createInterface(child.stderr).on("line", take);
    void exited.then(() => reject(new Error(`ended at once:\n${lines.join("\n")}`)));
    void exited.finally(() => clearTimeout(limit));
    child.once("error", reject);
  });
  return {
    url,
    pid: child.pid!,
    lines,
    end: async (signal = "SIGTERM") => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}
