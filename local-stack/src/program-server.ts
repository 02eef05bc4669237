import { join } from "node:path";
import type { LauncherConfig } from "./config.ts";
import { startProcess } from "./managed-process.ts";
import { LOOPBACK } from "./ports.ts";
import { outputForTerminal } from "./program-output.ts";
import {
  compileCacheSettings,
  MEMORY_SETTINGS,
  nodeArguments,
  type Addresses,
  type Program,
} from "./programs.ts";
import { defineServer } from "./define-server.ts";
import type { LaunchedServer, RunningServer } from "./running-server.ts";
import { say } from "./say.ts";
import { waitUntil } from "./wait-until.ts";

const ANSWER_TIMEOUT_MS = 2_000;
const LIVE_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

export interface ProgramContext {
  checkout: string;
  config: LauncherConfig;
  addresses: Addresses;
  logFolder: string;
  signal: AbortSignal;
  onLaunch: (launched: LaunchedServer) => void;
}

export const READY_PATH = "/health/ready";

export const programUrl = (port: number) => `http://${LOOPBACK}:${port}`;

const LIVE_PATH = "/health/live";

/** Running means that it answers; whether its servers do is another question, and no reason to start it again. */
export function defineProgram(program: Program, context: ProgramContext): RunningServer {
  const { checkout, config, addresses, logFolder, signal, onLaunch } = context;
  const { name } = program;
  const port = portOf(program, config);
  const filter = { showEvents: config.showEvents, showAll: config.showAllLogs };

  return defineServer({
    name,
    port,
    url: programUrl(port),
    launch: () =>
      startProcess({
        command: process.execPath,
        args: nodeArguments(program),
        cwd: join(checkout, program.folder),
        env: {
          ...compileCacheSettings(checkout),
          ...programEnvironment(program, config, addresses),
        },
        logFile: join(logFolder, `${name}.log`),
        onOutput: outputForTerminal(filter, say),
      }),
    isReady: async () =>
      (await ask(`${programUrl(port)}${program.readyPath ?? LIVE_PATH}`)) !== null,
    readyTimeoutMs: LIVE_TIMEOUT_MS,
    stopSignal: "SIGTERM",
    stopTimeoutMs: STOP_TIMEOUT_MS,
    outputIsShown: true,
    onLaunch,
    signal,
  });
}

export function portOf(program: Program, config: LauncherConfig): number {
  return config.programPorts[program.port.variable] ?? program.port.number;
}

function programEnvironment(
  program: Program,
  config: LauncherConfig,
  addresses: Addresses,
): NodeJS.ProcessEnv {
  const ports = [{ ...program.port, passAs: "PORT" }, ...(program.morePorts ?? [])];
  return {
    NODE_ENV: "production",
    ...MEMORY_SETTINGS,
    ...program.defaults,
    ...config.environment,
    HOST: LOOPBACK,
    ...Object.fromEntries(
      ports.map(({ variable, number, passAs }) => [
        passAs,
        `${config.programPorts[variable] ?? number}`,
      ]),
    ),
    ...program.env(addresses),
  };
}

async function ask(url: string): Promise<{ status: number; body: string } | null> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    return { status: answer.status, body: await answer.text() };
  } catch {
    return null;
  }
}

// Without these a program answers, but no order is settled.
const NEEDED = ["broker", "consumers"];

function isWorking(answer: { status: number; body: string }): boolean {
  if (answer.status !== 200) return false;
  const { checks = {} } = JSON.parse(answer.body) as { checks?: Record<string, string> };
  return NEEDED.every((name) => (checks[name] ?? "ok") === "ok");
}

/** Until it takes requests and its consumers run. */
export async function waitUntilReady(
  server: RunningServer,
  readyPath: string,
  signal: AbortSignal,
): Promise<void> {
  let last = "no answer";
  try {
    await waitUntil(
      async () => {
        const answer = await ask(`${server.url}${readyPath}`);
        if (answer !== null) last = answer.body;
        return answer !== null && isWorking(answer);
      },
      { what: server.name, timeoutMs: READY_TIMEOUT_MS, signal },
    );
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`${server.name} is not ready after ${READY_TIMEOUT_MS / 1000} s: ${last}`, {
      cause: error,
    });
  }
}
