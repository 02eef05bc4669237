import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkPorts } from "./check-ports.ts";
import { CHECKOUT, stateFolder } from "../terminal/checkout.ts";
import { readConfig } from "./config.ts";
import { lockPath, takeLauncherLock } from "./launcher-lock.ts";
import { freePort } from "../processes/ports.ts";
import { checkSettings, loadProgramVariables } from "../programs/program-settings.ts";
import { PROGRAMS } from "../programs/programs.ts";
import { reachGivenServers } from "../servers/reach-given-servers.ts";
import { startRedis } from "../servers/redis.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

test("When a port is taken, then the message names it, who needs it and the variable that moves it", async () => {
  const redis = await startRedis();
  const env = { PRODUCT_SERVICE_PORT: `${redis.port}`, ORDER_SERVICE_PORT: `${await freePort()}` };
  const { claimedPorts } = readConfig(env, PROGRAMS);
  const ofPrograms = claimedPorts.filter(({ whose }) => whose.endsWith("-service"));

  await expect(checkPorts(ofPrograms)).rejects.toThrow(
    new RegExp(`^Port ${redis.port}, which product-service needs, .* set PRODUCT_SERVICE_PORT to`),
  );
  await redis.stop();
  await checkPorts(ofPrograms);
});

test.runIf(process.platform === "linux")(
  "When another checkout has a port, then the message says which one",
  async () => {
    const checkout = await testFolder("other checkout");
    const folder = join(checkout, "gateway");
    mkdirSync(folder);
    takeLauncherLock(lockPath(stateFolder(checkout)));
    const port = await freePort();
    const holder = spawn(process.execPath, [
      "-e",
      `process.chdir(process.argv[1]);
       require("node:net").createServer().listen(${port}, "127.0.0.1", () => console.log("listening"));`,
      folder,
    ]);
    onTestFinished(() => void holder.kill("SIGKILL"));
    await once(holder.stdout, "data");

    const claims = [{ variable: "GATEWAY_PORT", port, whose: "gateway" }];
    await expect(checkPorts(claims)).rejects.toThrow(
      `is taken by the checkout ${checkout} (process ${holder.pid}).`,
    );
  },
);

test("When PORT_OFFSET is set, then it moves every port that has no variable of its own set", () => {
  const portsOf = (env: NodeJS.ProcessEnv) =>
    new Map(
      readConfig(env, PROGRAMS).claimedPorts.map(({ variable, port }) => [variable, port] as const),
    );
  const moved = portsOf({ PORT_OFFSET: "40000", GATEWAY_PORT: "8080" });
  for (const [variable, port] of portsOf({})) {
    expect([variable, moved.get(variable)]).toEqual([
      variable,
      variable === "GATEWAY_PORT" ? 8080 : port + 40_000,
    ]);
  }
  for (const wrong of ["-1", "40001", "some", "1.5"]) {
    expect(() => portsOf({ PORT_OFFSET: wrong })).toThrow(
      `PORT_OFFSET: must be a whole number, 0 to 40000, not "${wrong}"`,
    );
  }
});

test("When settings are wrong, then one message names each of them", () => {
  const env = { PRODUCT_DB_PORT: "no", ORDER_DB_PORT: "70000", ORDER_REDIS_URL: "nonsense" };
  expect(() => readConfig(env, PROGRAMS)).toThrow(
    /PRODUCT_DB_PORT(.|\n)*ORDER_DB_PORT(.|\n)*ORDER_REDIS_URL/,
  );
});

test("When two are to have the same port, then both variables are named", () => {
  const env = { PRODUCT_SERVICE_PORT: "4001", ORDER_SERVICE_PORT: "4001" };
  expect(() => readConfig(env, PROGRAMS)).toThrow(
    "PRODUCT_SERVICE_PORT and ORDER_SERVICE_PORT are both 4001",
  );
});

test("When a server's URL is given, then no port is claimed for it", () => {
  const url = "amqp://guest:guest@broker:5672";
  const { claimedPorts, serverUrls } = readConfig({ RABBITMQ_URL: url }, PROGRAMS);
  expect(serverUrls).toEqual({ rabbitmq: url });
  expect(claimedPorts.map(({ whose }) => whose)).not.toContain("rabbitmq");
});

const checked = async (env: NodeJS.ProcessEnv) => {
  checkSettings(PROGRAMS, await loadProgramVariables(CHECKOUT, PROGRAMS), env);
};

test("accepts the programs' settings when nothing is set", async () => {
  await expect(checked({})).resolves.toBeUndefined();
});

test("names each wrong setting of any program once, as it was set, without a secret", async () => {
  const env = { RATE_LIMIT: "many", GATEWAY_PORT: "0", AUTH: "jwt", JWT_SECRET: "s3cret" };
  const { message } = await checked(env).then(
    () => new Error("it was taken"),
    (error: Error) => error,
  );
  const named = [...message.matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name]) => name);
  expect(new Set(named)).toEqual(
    new Set([
      "GATEWAY_PORT",
      "INTERNAL_TOKEN",
      "JWT_AUDIENCE",
      "JWT_ISSUER",
      "JWT_SECRET",
      "RATE_LIMIT",
    ]),
  );
  expect(message).toContain('RATE_LIMIT: must be a whole number, 1 to 1000000000, not "many"');
  expect(message).not.toContain("s3cret");
});

test("names the variable of a given server that does not answer", async () => {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  await expect(
    reachGivenServers([{ variable: "ORDER_REDIS_URL", url }], AbortSignal.timeout(60_000), 1_000),
  ).rejects.toThrow(`ORDER_REDIS_URL: nothing answers at 127.0.0.1:${port} (ECONNREFUSED).`);
});
