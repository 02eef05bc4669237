import { existsSync, readdirSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import type { LauncherConfig } from "../launcher/config.ts";
import { startProcess } from "../processes/managed-process.ts";
import { LOOPBACK } from "../processes/ports.ts";
import { outputForTerminal } from "./program-output.ts";
import {
  migrationEnvironment,
  programEnvironment,
  type ProgramPlace,
} from "./program-environment.ts";
import { nodeArguments, type Program } from "./programs.ts";
import { defineServer } from "../processes/define-server.ts";
import { runCommand } from "../processes/run-command.ts";
import type { LaunchedServer, RunningServer } from "../processes/running-server.ts";
import { say } from "../terminal/say.ts";
import { waitUntil } from "../processes/wait-until.ts";

const ANSWER_TIMEOUT_MS = 2_000;
const LIVE_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const MIGRATE_TIMEOUT_MS = 600_000;

export interface ProgramContext extends ProgramPlace {
  logFolder: string;
  signal: AbortSignal;
  onLaunch: (launched: LaunchedServer) => void;
}

export const READY_PATH = "/health/ready";

export const programUrl = (port: number) => `http://${LOOPBACK}:${port}`;

const LIVE_PATH = "/health/live";

/** Running means that it answers; whether its servers do is another question, and no reason to start it again. */
export function defineProgram(program: Program, context: ProgramContext): RunningServer {
  const { checkout, config, logFolder, signal, onLaunch } = context;
  const { name } = program;
  const port = portOf(program, config);
  const makeTables = tableMaker(program, context);
  const filter = { showEvents: config.showEvents, showAll: config.showAllLogs };

  return defineServer({
    name,
    port,
    url: programUrl(port),
    async launch() {
      await makeTables();
      return startProcess({
        command: process.execPath,
        args: nodeArguments(program),
        cwd: join(checkout, program.folder),
        env: programEnvironment(program, context),
        logFile: join(logFolder, `${name}.log`),
        onOutput: outputForTerminal(filter, say),
      });
    },
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

/** By a process of its own, since the service's account may not. Once, and again when there is another migration. */
function tableMaker(program: Program, context: ProgramContext): () => Promise<void> {
  const { checkout, signal } = context;
  const folder = join(checkout, program.folder);
  let made: string | undefined;
  return async () => {
    const env = migrationEnvironment(program, context);
    const migrations = migrationsIn(folder);
    if (env === undefined || migrations === made) return;
    await runCommand({
      command: process.execPath,
      args: [...nodeArguments(program), "migrate"],
      cwd: folder,
      env,
      label: `Making the tables of ${program.name}`,
      timeoutMs: MIGRATE_TIMEOUT_MS,
      signal,
    });
    made = migrations;
  };
}

function migrationsIn(folder: string): string {
  const built = join(folder, "dist", "migrations");
  return existsSync(built) ? readdirSync(built).toSorted().join() : "";
}

/** Not by fetch, which refuses the ports that browsers do. */
function ask(url: string): Promise<{ status: number; body: string } | null> {
  return new Promise((resolve) => {
    const options = { agent: false, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) };
    const question = get(url, options, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (text: string) => (body += text));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on("error", () => resolve(null));
    });
    question.on("error", () => resolve(null));
  });
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
