import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { findBinary } from "./find-server.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

async function pathWith(...programs: string[]): Promise<string> {
  const folder = await testFolder("path");
  for (const program of programs) {
    writeFileSync(join(folder, program), "#!/bin/sh\n");
    chmodSync(join(folder, program), 0o755);
  }
  vi.stubEnv("PATH", folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  return folder;
}

test("When only Valkey is on the PATH, then it is taken for Redis", async () => {
  const folder = await pathWith("valkey-server");
  expect(findBinary("redis")).toBe(join(folder, "valkey-server"));
});

test("When PostgreSQL's server is on the PATH without its tools, then that folder does not count", async () => {
  const folder = await pathWith("postgres");
  expect(findBinary("postgres")).not.toBe(join(folder, "postgres"));
});

test("When there is no Erlang on the PATH, then RabbitMQ can't be run", async () => {
  await pathWith("rabbitmq-server", "rabbitmqctl");
  expect(findBinary("rabbitmq")).toBeNull();
});
