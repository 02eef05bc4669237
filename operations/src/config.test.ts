import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { findAddresses, stateFolder } from "./config.ts";

let folder: string;

beforeEach(() => {
  vi.unstubAllEnvs();
  for (const name of ["ORDER_DATABASE_URL", "PRODUCT_DATABASE_URL", "RABBITMQ_URL"])
    vi.stubEnv(name, undefined);
  folder = mkdtempSync(join(tmpdir(), "addresses-"));
  mkdirSync(stateFolder(folder));
  const running = ["order-db", "rabbitmq"].map((name) => ({ name, url: `running://${name}` }));
  writeFileSync(join(stateFolder(folder), "processes.json"), JSON.stringify(running));
});

test("finds the servers that npm start runs", () => {
  const { orderDb, rabbitmq } = findAddresses(folder);
  expect({ orderDb, rabbitmq }).toEqual({
    orderDb: "running://order-db",
    rabbitmq: "running://rabbitmq",
  });
});

test("prefers .env to what runs, and the environment to .env", () => {
  writeFileSync(
    join(folder, ".env"),
    "ORDER_DATABASE_URL=postgres://u:p#s@env-file # ours\nRABBITMQ_URL=env-file\n",
  );
  vi.stubEnv("RABBITMQ_URL", "environment");
  const { orderDb, rabbitmq } = findAddresses(folder);
  expect({ orderDb, rabbitmq }).toEqual({
    orderDb: "postgres://u:p#s@env-file",
    rabbitmq: "environment",
  });
});

test("says which variable to set when a server does not run", () => {
  expect(() => findAddresses(folder).productDb).toThrow(
    "No product-db runs here. Run npm start first, or set PRODUCT_DATABASE_URL.",
  );
});
