import { expect, test } from "vitest";
import { redisAnswers } from "./readiness.ts";
import { startRedis } from "./redis.ts";
import type { ServerExit } from "../processes/running-server.ts";

test("When it dies by itself, then whoever listens is told; when it was asked to, then that is told too", async () => {
  const redis = await startRedis();
  const exits: ServerExit[] = [];
  redis.onExit((exit) => exits.push(exit));

  process.kill(redis.pid, "SIGKILL");
  await expect.poll(() => exits.length).toBe(1);
  await redis.restart();
  expect(await redisAnswers(redis.port)).toBe(true);
  await redis.stop();
  await expect.poll(() => exits.length).toBe(2);

  expect(exits.map(({ signal, asked }) => [signal, asked])).toEqual([
    ["SIGKILL", false],
    [null, true],
  ]);
});

test("When several run at once, then each has a port of its own", async () => {
  const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
  expect(new Set(servers.map(({ port }) => port)).size).toBe(3);
  await Promise.all(servers.map((server) => server.stop()));
});
