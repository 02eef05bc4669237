import { ContractError } from "@shop/contracts/errors";
import { z } from "zod";
import { Deadline } from "../upstream/deadline.ts";
import type { Instance, Upstream, Upstreams } from "../upstream/instances.ts";

const ANSWER_LIMIT_MS = 1_000;
/** However often health is asked for, services are asked this often at most. */
const REMEMBERED_MS = 250;

const WORST_FIRST = ["down", "degraded", "ok"] as const;

const healthState = z.enum(WORST_FIRST);
type State = z.infer<typeof healthState>;

export const healthData = z
  .object({ status: healthState, checks: z.record(z.string(), healthState) })
  .meta({ id: "Health" });
export type Health = Readonly<z.infer<typeof healthData>>;

export interface HealthOptions {
  readonly upstreams: Upstreams;
  readonly isStopping: () => boolean;
  /** What the gateway can do without. */
  readonly optional: Readonly<Record<string, () => Promise<boolean>>>;
}

/** The gateway and what it depends on; throws UNAVAILABLE when requests can't be served. */
export function healthReader(options: HealthOptions): () => Promise<Health> {
  let last: { at: number; health: Promise<Health> } | undefined;
  return async () => {
    if (options.isStopping()) throw new ContractError("UNAVAILABLE", "The gateway is stopping");
    if (last === undefined || performance.now() - last.at > REMEMBERED_MS) {
      last = { at: performance.now(), health: read(options) };
    }
    const health = await last.health;
    if (health.status !== "down") return health;
    throw new ContractError("UNAVAILABLE", "Not all services are ready", detailsOf(health));
  };
}

async function read({ upstreams, optional }: HealthOptions): Promise<Health> {
  const services = Object.entries(upstreams).map(async ([name, upstream]) => [
    name,
    await stateOf(upstream),
  ]);
  const others = Object.entries(optional).map(async ([name, check]) => [
    name,
    (await check()) ? "ok" : "degraded",
  ]);
  const entries = (await Promise.all([...services, ...others])) as [string, State][];
  const states = new Set(entries.map(([, state]) => state));
  return {
    status: WORST_FIRST.find((state) => states.has(state)) ?? "ok",
    checks: Object.fromEntries(entries),
  };
}

const detailsOf = ({ checks }: Health) =>
  Object.entries(checks)
    .filter(([, state]) => state === "down")
    .map(([path]) => ({ path, message: "is not ready" }));

/** One instance that is ready is enough. */
async function stateOf({ instances }: Upstream): Promise<State> {
  const states = await Promise.all(instances.map(askReady));
  if (states.includes("ok")) return states.includes("down") ? "degraded" : "ok";
  return states.includes("degraded") ? "degraded" : "down";
}

async function askReady({ forHealth }: Instance): Promise<State> {
  const deadline = new Deadline(ANSWER_LIMIT_MS);
  try {
    const question = { method: "GET", path: "/health/ready", headers: {} } as const;
    const answer = await forHealth.request(question, deadline);
    const { status } = JSON.parse(answer.bytes.toString()) as { status?: unknown };
    if (answer.status !== 200) return "down";
    return status === "ok" ? "ok" : "degraded";
  } catch {
    return "down";
  } finally {
    deadline.stop();
  }
}
