import { appendFileSync, cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT, stateFolder } from "local-stack/terminal/checkout";
import { startTcpProxy } from "@shop/test-support/tcp-proxy";
import { withOwnSystem } from "local-stack/launcher/own-system";
import { STOPPED } from "local-stack/terminal/exit-codes";
import { sayTo } from "local-stack/terminal/say";
import type { Drill, SystemNeeds } from "./drill.ts";
import { optionsFor } from "./patched-system.ts";
import { openSystem, type DrillSystem } from "./system.ts";
import { tell, tellProgress } from "./terminal.ts";

const FOLDER = join(stateFolder(CHECKOUT), "drills");

type Work = (drill: Drill, system: DrillSystem, signal: AbortSignal) => Promise<boolean>;

/**
 * Drills that need the same system share one, one after the other; a drill that failed leaves it to nobody. Hands back whether
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
            tell(`FAILED ${drill.id.padEnd(4)} ${drill.name}: ${error.stack}`);
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
  tellProgress("starting a system");
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
  tell(`         the logs are in ${folder}`);
}
