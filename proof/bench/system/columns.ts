import type { Column } from "../scenario.ts";

const LATENCIES: readonly Column[] = [
  { key: "p50Ms", title: "p50, ms", digits: 1 },
  { key: "p95Ms", title: "p95, ms", digits: 1 },
  { key: "p99Ms", title: "p99, ms", digits: 1 },
];
const FAILED: Column = { key: "failed", title: "failed", worst: true };

export const ORDER_COLUMNS: readonly Column[] = [
  { key: "settledPerSecond", title: "settled/s" },
  { key: "acceptedPerSecond", title: "accepted/s" },
  ...LATENCIES,
  FAILED,
  { key: "doneP50Ms", title: "order to done p50, ms", digits: 1 },
  { key: "doneP95Ms", title: "order to done p95, ms", digits: 1 },
  { key: "halfBacklog", title: "backlog half-way" },
  { key: "backlog", title: "backlog at the end" },
  { key: "drainMs", title: "drained in, ms" },
  { key: "mistakes", title: "mistakes in the books", worst: true },
  { key: "cpuPrograms", title: "CPU per order, our programs, µs" },
];

export const REQUEST_COLUMNS: readonly Column[] = [
  { key: "perSecond", title: "requests/s" },
  ...LATENCIES,
  FAILED,
  { key: "cpuPrograms", title: "CPU per request, our programs, µs" },
];
