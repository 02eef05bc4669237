import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tmpdir } from "node:os";
import type { OwnSystemOptions } from "local-stack/launcher/own-system";
import type { TcpProxy } from "@shop/test-support/tcp-proxy";
import { NODE_OPTIONS, PROGRAMS, unbundled, type Program } from "local-stack/programs/programs";
import type { SystemNeeds } from "./drill.ts";

const PATCHED_PROGRAM = fileURLToPath(new URL("patched-program.ts", import.meta.url));
/** The file that the programs look into, where they are built to die. */
export const CRASH_ORDERS = join(tmpdir(), `drill-crash-${process.pid}`);

type Environment = Record<string, string>;

export function optionsFor(
  { patches, settings, replicas = 1, throughProxy }: SystemNeeds,
  way?: TcpProxy,
): OwnSystemOptions {
  const programs = replicas === 1 ? PROGRAMS : withReplicas(replicas);
  const runnable = patches === undefined ? programs : programs.map(unbundled);
  return {
    programs: runnable.map((program) =>
      withEnvironment(program, (addresses) => ({
        ...aimed(program.env(addresses), throughProxy && VARIABLES[throughProxy], way),
        ...(patches !== undefined && patching(patches)),
        ...settings,
      })),
    ),
  };
}

const patching = (patches: string): Environment => ({
  NODE_OPTIONS: `${NODE_OPTIONS} --import ${PATCHED_PROGRAM}`,
  DRILL_PATCHES: patches,
  DRILL_CRASH_ORDERS: CRASH_ORDERS,
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

/** Where it is told of one instance, it is told of all. */
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
