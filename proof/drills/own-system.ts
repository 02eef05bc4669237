import { appendFileSync, cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startTcpProxy, type TcpProxy } from "@shop/test-support/tcp-proxy";
import { withOwnSystem, type OwnSystemOptions } from "local-stack/launcher/own-system";
import { NODE_OPTIONS, PROGRAMS, unbundled, type Program } from "local-stack/programs/programs";
import { CHECKOUT, stateFolder } from "local-stack/terminal/checkout";
import { STOPPED } from "local-stack/terminal/exit-codes";
import { sayTo } from "local-stack/terminal/say";
import type { Drill, SystemNeeds } from "./drill.ts";
import { SABOTAGE } from "./sabotage.ts";
import { openSystem, type DrillSystem } from "./system.ts";

const PLAIN_EVERY_MS = 20_000;
const CLEAR_LINE = "\r\u001B[K";

let lastPlainAt = performance.now();

export function print(line: string): void {
  process.stdout.write(`${process.stdout.isTTY ? CLEAR_LINE : ""}${line}\n`);
}

/** What goes on just now: a line that changes on a terminal, one now and then in a log. */
export function printProgress(line: string): void {
  if (process.stdout.isTTY) {
    process.stdout.write(`${CLEAR_LINE}${line.slice(0, (process.stdout.columns || 80) - 1)}`);
  } else if (performance.now() - lastPlainAt > PLAIN_EVERY_MS) {
    lastPlainAt = performance.now();
    print(`  … ${line}`);
  }
}

const FOLDER = join(stateFolder(CHECKOUT), "drills");

type Work = (drill: Drill, system: DrillSystem, signal: AbortSignal) => Promise<boolean>;

/**
 * Drills that need the same system share one, one after the other; no drill uses the system of one that failed. Hands back whether
 * the user wanted an end.
 */
export async function eachOnItsSystem(drills: readonly Drill[], work: Work): Promise<boolean> {
  const left = [...drills];
  let stopped = false;
  while (left.length > 0 && !stopped) {
    const needs = left[0]!.system ?? {};
    stopped = await onOneSystem(needs, async (system, signal) => {
      for (let next = left[0]; next && !signal.aborted; next = nextFor(left, needs)) {
        left.splice(left.indexOf(next), 1);
        const drill = next;
        const fine = await work(drill, system, signal).catch((error: Error) => {
          if (!signal.aborted) {
            print(`FAILED ${drill.id.padEnd(4)} ${drill.name}: ${error.stack}`);
            keepLogs(system, drill);
          }
          return false;
        });
        if (!fine) return;
      }
    });
  }
  return stopped;
}

/** Hands back whether the user wanted an end. */
export async function onOneSystem(
  needs: SystemNeeds,
  work: (system: DrillSystem, signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  launcherSpeaksToAFile();
  printProgress("starting a system");
  let stop: AbortSignal | undefined;
  let failure: unknown;
  // Where it leads is known when the gateway starts.
  const way = needs.throughProxy ? await startTcpProxy("http://127.0.0.1") : undefined;
  const code = await withOwnSystem(
    async (own, signal) => {
      stop = signal;
      const system = openSystem(own, way);
      // Thrown further when everything is down: the launcher would keep it to itself.
      await work(system, signal).catch((error: unknown) => (failure = error));
      await system.close();
      return 0;
    },
    optionsFor(needs, way),
  );
  await way?.stop();
  if (failure !== undefined && !stop?.aborted) throw failure;
  if (stop) return stop.aborted;
  if (code === STOPPED) return true;
  throw new Error(`The system did not start; see ${FOLDER}.`);
}

const sameNeeds = (one: SystemNeeds, other: SystemNeeds): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

const nextFor = (left: readonly Drill[], needs: SystemNeeds): Drill | undefined =>
  left.find(({ system = {} }) => sameNeeds(system, needs));

/** Its lines, and the programs' warnings, would drown those of the drills. */
function launcherSpeaksToAFile(): void {
  mkdirSync(FOLDER, { recursive: true });
  sayTo((line) => appendFileSync(join(FOLDER, "launcher.log"), `${line}\n`));
}

export function keepLogs({ logFolder }: DrillSystem, { name }: Pick<Drill, "name">): void {
  const folder = join(FOLDER, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(logFolder, folder, { recursive: true });
  const ofRabbitmq = join(logFolder, "..", "data", "rabbitmq", "log");
  if (existsSync(ofRabbitmq)) cpSync(ofRabbitmq, join(folder, "rabbitmq"), { recursive: true });
  print(`         the logs are in ${folder}`);
}

const CHANGED_PROGRAM = fileURLToPath(new URL("changed-program.ts", import.meta.url));
/** The file that the programs look into, which asks one of them to die. */
export const CRASH_ORDER = join(tmpdir(), `drill-crash-${process.pid}`);

type Environment = Record<string, string>;

function optionsFor(
  { changes, settings, replicas = 1, throughProxy }: SystemNeeds,
  way?: TcpProxy,
): OwnSystemOptions {
  const programs = replicas === 1 ? PROGRAMS : withReplicas(replicas);
  const runnable = changes === undefined ? programs : programs.map(unbundled);
  return {
    programs: runnable.map((program) =>
      withEnvironment(program, (addresses) => ({
        ...aimed(program.env(addresses), throughProxy && VARIABLES[throughProxy], way),
        ...(changes !== undefined && changing(changes)),
        ...settings,
      })),
    ),
  };
}

const changing = (changes: string): Environment => ({
  NODE_OPTIONS: `${NODE_OPTIONS} --import ${CHANGED_PROGRAM} ${SABOTAGE[changes]?.flags ?? ""}`,
  DRILL_CHANGES: changes,
  DRILL_CRASH_ORDER: CRASH_ORDER,
});

const VARIABLES = { "order-service": "ORDER_SERVICE_URLS", rabbitmq: "RABBITMQ_URL" };

/** The proxy in the place of the address in this variable, where there is one. */
function aimed(env: Environment, variable = "", way?: TcpProxy): Environment {
  const { [variable]: url } = env;
  return url === undefined || way === undefined ? env : { ...env, [variable]: way.aim(url) };
}

/** Several of each service behind one gateway: "product-service", "product-service-2" and so on. */
function withReplicas(count: number): Program[] {
  const all = PROGRAMS.flatMap((program) =>
    program.name === "gateway"
      ? [program]
      : Array.from({ length: count }, (_, index) => replica(program, index + 1)),
  );
  return all.map((program) => withEnvironment(program, seesReplicas(program)));
}

const withEnvironment = (program: Program, env: Program["env"]): Program => ({ ...program, env });

/** A setting that names one instance names all of them. */
const seesReplicas =
  (program: Program): Program["env"] =>
  ({ servers, programs }) =>
    program.env({
      servers,
      programs: Object.fromEntries(PROGRAMS.map(({ name }) => [name, urlsOf(name, programs)])),
    });

function replica(program: Program, number: number): Program {
  if (number === 1) return program;
  const { port, name } = program;
  return {
    ...program,
    name: `${name}-${number}`,
    port: { variable: `${port.variable}_${number}`, number: port.number + number },
  };
}

const urlsOf = (service: string, programs: Record<string, string>): string =>
  Object.entries(programs)
    .filter(([name]) => name.startsWith(service))
    .map(([, url]) => url)
    .join(",");
