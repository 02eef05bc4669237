import { shuffle } from "@shop/test-support/random";
import type { Drill } from "./drill.ts";

/** What may befall a system that goes on working: D1 to D5 and D7 to D13. */
const NAMES: readonly string[] = [
  "kill-order-service",
  "kill-product-service",
  "kill-gateway",
  "die-in-between",
  "kill-rabbitmq",
  "freeze-rabbitmq",
  "rabbitmq-alarm",
  "lose-a-queue",
  "stop-order-db",
  "stop-product-db",
  "cut-database-connections",
  "freeze-a-lock-holder",
  "kill-redis",
  "freeze-redis",
  "flap-redis",
];

/** One after the other in random order, all of them before any comes again. */
export function randomFaults(catalogue: readonly Drill[], random: () => number): () => Drill {
  const faults = NAMES.map((name) => catalogue.find((drill) => drill.name === name)!);
  let bag: Drill[] = [];
  return () => {
    if (bag.length === 0) bag = shuffle(faults, random);
    return bag.pop()!;
  };
}
