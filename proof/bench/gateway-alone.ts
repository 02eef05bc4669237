import { rm } from "node:fs/promises";
import { buildPrograms } from "local-stack/programs/build";
import { PROGRAMS } from "local-stack/programs/programs";
import { makeTemporaryFolder } from "local-stack/processes/temporary-folder";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { listenForStop } from "local-stack/terminal/stop-signals";
import type { LoadJob } from "./load.ts";
import { startLoad, type Load } from "./start-load.ts";
import { canPin, CORES, cpuUsOf } from "./machine.ts";
import type { Contender, Figures, Scenario, UseScenario } from "./measure.ts";
import { clientHeaders, OUR_GATEWAY_ON } from "./peers/our-gateway.ts";
import type { RunningPeer } from "./peers/peer.ts";
import { BARE_EXPRESS } from "./peers/peers.ts";
import { PRODUCT_PATH, startPeers, type Peers } from "./peers/start-peers.ts";

const CONNECTIONS = 32;
/** Until the compiler has done most of its work: the medians of seven rounds leave the rest out. */
const WARM_UP_S = 3;

interface PeerLoad {
  readonly peer: RunningPeer;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly seconds: number;
}

const loadJobOf = ({ peer, path, headers, seconds }: PeerLoad): LoadJob => ({
  url: `http://127.0.0.1:${peer.port}`,
  requests: [{ path }],
  headers,
  connections: CONNECTIONS,
  seconds,
});

async function warmUp(load: Load, it: PeerLoad, signal: AbortSignal): Promise<void> {
  await load.run({ ...loadJobOf(it), seconds: Math.min(it.seconds, WARM_UP_S) }, signal);
}

async function loadPeer(load: Load, it: PeerLoad, signal: AbortSignal): Promise<Figures> {
  const [before] = cpuUsOf([it.peer.pid]);
  const result = await load.run(loadJobOf(it), signal);
  const [after] = cpuUsOf([it.peer.pid]);
  return {
    perSecond: result.ok / result.seconds,
    cpuUs: (after! - before!) / result.ok,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    failed: result.failed,
  };
}

const COLUMNS = [
  { key: "perSecond", title: "requests/s" },
  { key: "cpuUs", title: "CPU per request, µs", digits: 1 },
  { key: "p50Ms", title: "p50, ms", digits: 2 },
  { key: "p99Ms", title: "p99, ms", digits: 2 },
  { key: "failed", title: "failed" },
];

const WHERE = canPin
  ? "each on one core of its own"
  : "not bound to cores (no taskset here), so that the load generator disturbs all of them";

export const GATEWAY_SCENARIOS = {
  "gateway-proxy": {
    title: "Gateway alone: one product, passed on",
    explanation: `\`GET ${PRODUCT_PATH}\` at saturation, 32 connections, in front of the stub, ${WHERE}. The ratios are to bare Express with http-proxy-middleware.`,
    to: BARE_EXPRESS,
    pathOf: () => PRODUCT_PATH,
  },
  "gateway-bff": {
    title: "Gateway alone: a product with its orders, put together",
    explanation: `The product and its 20 newest orders in one answer, from two calls of the stub, at saturation, 32 connections, ${WHERE}. The ratios are to our gateway with everything on.`,
    to: OUR_GATEWAY_ON,
    pathOf: ({ peer }: RunningPeer) => peer.aggregatePath,
  },
} as const;

export type GatewayScenarioName = keyof typeof GATEWAY_SCENARIOS;

/** Builds, starts stub and peers, hands the scenarios over, and ends all of it. */
export async function withGatewayScenarios(
  names: readonly GatewayScenarioName[],
  seconds: number,
  use: UseScenario,
): Promise<void> {
  const { signal, ignore } = listenForStop();
  try {
    await run(names, seconds, { signal, use });
  } finally {
    ignore();
  }
}

async function run(
  names: readonly GatewayScenarioName[],
  seconds: number,
  { signal, use }: { signal: AbortSignal; use: UseScenario },
): Promise<void> {
  await buildPrograms(
    CHECKOUT,
    PROGRAMS.filter(({ name }) => name === "gateway"),
    signal,
  );
  const folder = await makeTemporaryFolder("bench");
  const headers = clientHeaders();
  const load = startLoad(CORES.load);
  let peers: Peers | undefined;
  try {
    peers = await startPeers(folder, headers, signal);
    for (const name of names) {
      const { contenders, warm } = contendersOf(name, { peers, load, headers, seconds });
      await warm(signal);
      await use(scenarioOf(name, peers, contenders), signal);
    }
  } finally {
    load.stop();
    await peers?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Setting {
  readonly peers: Peers;
  readonly load: Load;
  readonly headers: Record<string, string>;
  readonly seconds: number;
}

function contendersOf(name: GatewayScenarioName, { peers, load, headers, seconds }: Setting) {
  const { pathOf } = GATEWAY_SCENARIOS[name];
  const able = peers.running.flatMap((peer) => {
    const path = pathOf(peer);
    return path === undefined ? [] : [{ peer, path }];
  });
  const jobOf = ({ peer, path }: (typeof able)[number]) => ({ peer, path, headers, seconds });
  return {
    contenders: able.map((each): Contender => ({
      name: each.peer.peer.name,
      run: (signal) => loadPeer(load, jobOf(each), signal),
    })),
    warm: async (signal: AbortSignal): Promise<void> => {
      for (const each of able) await warmUp(load, jobOf(each), signal);
    },
  };
}

function scenarioOf(
  name: GatewayScenarioName,
  { leftOut }: Peers,
  contenders: readonly Contender[],
): Scenario {
  const { title, explanation, to } = GATEWAY_SCENARIOS[name];
  const isAggregation = name === "gateway-bff";
  return {
    name,
    title,
    explanation,
    columns: COLUMNS,
    ratios: [
      { key: "perSecond", title: "rate, ratio", to },
      { key: "cpuUs", title: "CPU, ratio", to },
    ],
    contenders,
    leftOut: leftOut
      .filter(({ peer }) => !isAggregation || peer.aggregatePath !== undefined)
      .map(({ peer, reason }) => `${peer.name}, ${reason}`),
  };
}
