import { randomOf, shuffle } from "@shop/test-support/random";
import type { Wanted } from "./command-line.ts";
import type { Drill } from "./drill.ts";
import { createGrowthTable } from "./growth.ts";
import { keepLogs, onOneSystem } from "./on-its-system.ts";
import { complaintsOf, lineOf } from "./report.ts";
import { passed, runDrill } from "./run-drill.ts";
import { tell, tellProgress } from "./terminal.ts";

/** Many faults instead of long ones. */
const TIME = 0.5;
const INSTANTS = 3;

/** All drills of one system in random order, again and again, until the time is up. Hands back the exit code. */
export async function soak(catalogue: readonly Drill[], wanted: Wanted): Promise<number> {
  const { seed, rate, minutes, patience } = wanted;
  const random = randomOf(seed);
  const until = Date.now() + minutes * 60_000;
  const drills = catalogue.filter(({ system }) => system === undefined);
  let failures = 0;
  let rounds = 0;
  let orders = 0;
  const stopped = await onOneSystem({}, async (system, signal) => {
    const growth = createGrowthTable(system);
    await growth.take("start");
    let order: Drill[] = [];
    while (Date.now() < until && failures === 0 && !signal.aborted) {
      if (order.length === 0) order = shuffle(drills, random);
      const drill = order.pop()!;
      rounds += 1;
      const result = await runDrill(drill, system, {
        rate,
        patience,
        signal,
        instants: INSTANTS,
        time: TIME,
        seed: seed + rounds,
        progress: (doing) => tellProgress(`soak, ${drill.name}: ${doing}`),
      });
      orders += result.settling.orders;
      tell(lineOf(result));
      for (const complaint of complaintsOf(result)) tell(complaint);
      if (!passed(result)) {
        failures += 1;
        keepLogs(system, drill);
      }
      await growth.take(drill.name);
    }
    for (const line of growth.text()) tell(line);
  });
  tell(`${rounds} drills, ${orders} orders, ${failures} failures (seed ${seed}).`);
  return failures === 0 && !stopped ? 0 : 1;
}
