import { expect, test } from "vitest";
import { checkPorts } from "./check-ports.ts";
import { readConfig } from "./config.ts";
import { freePort } from "./ports.ts";
import { PROGRAMS } from "./programs.ts";
import { startRedis } from "./redis.ts";

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
