import type { Sql } from "@shop/test-support/sql";
import { statuses, type Drill } from "../drill.ts";

const FOR_MS = 10_000;
const EVERY_MS = 200;

/** Every connection of the programs, and not the drills' own. */
const TERMINATE = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND application_name <> ''`;
/** Longer than the programs ever take between two statements, and less than has gone by since the last cut. */
const LEFT_OPEN = `SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
  AND state_change < now() - interval '2 seconds' AND application_name <> ''`;
const LOOK_AFTER_MS = 3_000;

export const cutConnectionsDrill: Drill = {
  id: "D11",
  name: "cut-database-connections",
  title: "all connections of both databases are cut every 200 ms for 10 s",
  promise: "No program ends, no transaction is left open, no order is lost.",
  tolerates: statuses(/./, [503]),
  cachesMayLagMs: 5_500,
  async run({ system, pause, lasting, expect, healed, note }) {
    const pids = system.pids();
    const { products, orders } = system.truth;
    const until = performance.now() + lasting(FOR_MS);
    let cut = 0;
    while (performance.now() < until) {
      const ended = await Promise.all([products(TERMINATE), orders(TERMINATE)]);
      cut += ended.flat().length;
      await pause(EVERY_MS);
    }
    healed();
    note(`${cut} connections cut`);
    expect(cut > 0, "no connection was cut");
    await pause(LOOK_AFTER_MS);
    const open = await Promise.all([products, orders].map((sql: Sql) => sql(LEFT_OPEN)));
    expect(open.flat().length === 0, "a transaction is left open");
    expect(system.pids() === pids, "a program was ended");
  },
};
