import { expect, test } from "vitest";
import { fatalLines } from "./container-checks.ts";

test("finds the FATAL lines of a server, but not those of its start", () => {
  const failed = 'order-db-1  | 2026-01-01 UTC [66] FATAL:  database "shop" does not exist';
  const starting = "order-db-1  | 2026-01-01 UTC [67] FATAL:  the database system is starting up";
  const logs = [failed, starting, "order-db-1  | LOG:  ready", "rabbitmq-1  | NONFATAL"].join("\n");
  expect(fatalLines(logs)).toEqual([failed]);
});
