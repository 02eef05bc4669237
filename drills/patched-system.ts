import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tmpdir } from "node:os";
import type { OwnSystemOptions } from "local-stack/own-system";
import type { TcpProxy } from "@shop/test-support/tcp-proxy";
import { NODE_OPTIONS, PROGRAMS, unbundled, type Program } from "local-stack/programs";
import type { SystemNeeds } from "./drill.ts";

const PATCHED_PROGRAM = fileURLToPath(new URL("patched-program.ts", import.meta.url));
/** The file that the programs look into, where they are built to die. */
export const CRASH_ORDERS = join(tmpdir(), `drill-crash-${process.pid}`);

type Environment = Record<string, string>;

export function optionsFor(
  { patches, settings, replicas = 1 }: SystemNeeds,
  wayToOrders?: TcpProxy,
): OwnSystemOptions {
  const programs = replicas === 1 ? PROGRAMS : withReplicas(replicas);
  const runnable = patches === undefined ? programs : programs.map(unbundled);
  return {
    programs: runnable.map((program) =>
      withEnvironment(program, (addresses) => ({
        ...throughProxy(program.env(addresses), wayToOrders),
        ...settings,
      })),
    ),
    settings:
      patches === undefined
        ? {}
        : {
            NODE_OPTIONS: `${NODE_OPTIONS} --import ${PATCHED_PROGRAM}`,
            DRILL_PATCHES: patches,
            DRILL_CRASH_ORDERS: CRASH_ORDERS,
          },
  };
}

function throughProxy(env: Environment, way: TcpProxy | undefined): Environment {
  const { ORDER_SERVICE_URLS: url } = env;
  return way === undefined || url === undefined
    ? env
    : { ...env, ORDER_SERVICE_URLS: way.aim(url) };
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
      programs: {
        "product-service": urlsOf("product-service", programs),
        "order-service": urlsOf("order-service", programs),
      },
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
