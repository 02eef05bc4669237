import { readdirSync } from "node:fs";
import { megabytesOf } from "./memory.ts";
import type { DrillSystem } from "./system.ts";

const COLUMNS = [
  "minute",
  "after",
  "product-service",
  "order-service",
  "gateway",
  "rabbitmq",
  "outbox",
  "queues",
  "sessions",
];

/** What a system holds at one moment; memory in MB and open files of each process, `*` when it is a new one. */
type Row = readonly string[];

export function createGrowthTable(system: DrillSystem) {
  const startedAt = Date.now();
  const seen = new Map<string, number>();
  const rows: Row[] = [];

  const processOf = (name: string): string => {
    const { pid } = system.part(name).server;
    const mark = seen.has(name) && seen.get(name) !== pid ? "*" : "";
    seen.set(name, pid);
    try {
      const files = readdirSync(`/proc/${pid}/fd`).length;
      return `${megabytesOf(pid)} MB, ${files} fd${mark}`;
    } catch {
      // Only Linux has it.
      return "–";
    }
  };

  return {
    async take(after: string): Promise<void> {
      const { products, orders } = system.truth;
      const count = async (text: string): Promise<string> => {
        const found = await Promise.all(
          [products, orders].map((sql) => sql<{ count: number }>(text)),
        );
        return found.map(([row]) => row!.count).join(" + ");
      };
      rows.push([
        ((Date.now() - startedAt) / 60_000).toFixed(1),
        after,
        ...["product-service", "order-service", "gateway", "rabbitmq"].map(processOf),
        await count("SELECT count(*)::int AS count FROM outbox"),
        (await system.queueDepths()).join(" + "),
        await count(
          "SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = 'client backend'",
        ),
      ]);
    },
    text: (): string[] => {
      const widths = COLUMNS.map((column, index) =>
        Math.max(column.length, ...rows.map((row) => row[index]!.length)),
      );
      return [COLUMNS, ...rows].map((row) =>
        row.map((cell, index) => cell.padEnd(widths[index]!)).join("  "),
      );
    },
  };
}
