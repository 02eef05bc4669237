import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryPasswords } from "./accounts.ts";
import { startRabbitmq } from "./rabbitmq.ts";
import { rabbitmqAnswers } from "./readiness.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("When it is killed, then it starts again with its vhosts; when it is stopped, then its epmd ends too", async () => {
  // A first start that was cut off leaves such a folder, and RabbitMQ would refuse to start on it.
  const dataDir = join(await testFolder("rabbitmq test"), "data");
  mkdirSync(join(dataDir, "mnesia", "shop@localhost"), { recursive: true });
  writeFileSync(join(dataDir, "mnesia", "shop@localhost", "schema.DAT"), "half a schema");

  const vhosts = ["one", "with space"];
  const services = ["order-service"];
  const passwordOf = temporaryPasswords();
  const rabbitmq = await startRabbitmq({ dataDir, vhosts, services, passwordOf });
  const [epmd = 0] = rabbitmq.helperPids;
  expect(isAlive(epmd)).toBe(true);
  await rabbitmq.kill();
  expect(await rabbitmqAnswers(rabbitmq.port)).toBe(false);
  await rabbitmq.restart();
  const largest = "{ok, 262144} = application:get_env(rabbit, max_message_size).";
  expect(await rabbitmq.control(["eval", largest])).toContain("262144");
  const there = await rabbitmq.control(["list_vhosts", "--silent"]);
  expect(there.trim().split("\n").toSorted()).toEqual(vhosts);
  const login = ["authenticate_user", "order-service", passwordOf("order-service")];
  expect(await rabbitmq.control(login)).toContain("Success");
  await expect(rabbitmq.control(["authenticate_user", "guest", "guest"])).rejects.toThrow("failed");

  await rabbitmq.stop();
  await expect.poll(() => isAlive(epmd) || isAlive(rabbitmq.pid)).toBe(false);
}, 60_000);
