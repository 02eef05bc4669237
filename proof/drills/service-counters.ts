import type { DrillSystem } from "./system.ts";

const SERVICES = ["product-service", "order-service"] as const;

/** What the load asks for, and the services of each other on its behalf: its counts go up all the time. */
const OF_THE_LOAD: readonly RegExp[] = [
  /^product-service (?:GET|PUT) \/products\/:id$/,
  /^order-service POST \/orders$/,
  /^order-service GET \/orders\/(?::id|product\/:productId)$/,
];
const COUNT = /^http_request_seconds_count\{method="(\w+)",route="([^"]+)",status="\d+"\} (\d+)$/gm;
/** Looking is a request as well. */
const OWN_LOOK = "GET /metrics";

type Counts = ReadonlyMap<string, number>;

/** How many requests each service has answered, by its name, the method and the route, as it counts them itself. */
async function readCounts(system: DrillSystem): Promise<Counts> {
  const counts = new Map<string, number>();
  for (const service of SERVICES) {
    const answer = await fetch(`${system.url(service)}/metrics`);
    for (const [, method, route, count] of (await answer.text()).matchAll(COUNT)) {
      const what = `${service} ${method} ${route}`;
      counts.set(what, (counts.get(what) ?? 0) + Number(count));
    }
  }
  return counts;
}

/** Looks at the services from now on: nobody but the load asks them for anything, or `seen` tells it. */
export async function watchServices(system: DrillSystem) {
  const before = await readCounts(system);
  return {
    /** Requests that came since, in words; those that `expected` names came as often as it says. */
    async seen(expected: Readonly<Record<string, number>> = {}): Promise<string[]> {
      const after = await readCounts(system);
      const wrong: string[] = [];
      for (const [what, count] of after) {
        if (OF_THE_LOAD.some((route) => route.test(what))) continue;
        const own = what.endsWith(OWN_LOOK) ? 1 : 0;
        const more = count - (before.get(what) ?? 0) - own - (expected[what] ?? 0);
        if (more !== 0) wrong.push(`${what} was answered ${more} times that nobody asked for`);
      }
      return wrong;
    },
  };
}
