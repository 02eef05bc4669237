import { eventually } from "@shop/test-support/eventually";
import { claimVhost } from "@shop/test-support/servers";
import { startTcpProxy, type TcpProxy } from "@shop/test-support/tcp-proxy";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestLog } from "../kit.fixture.ts";
import { BrokerConnection } from "./broker-connection.ts";
import type { BrokerSession } from "./broker-session.ts";
import { declareTopology } from "./declare-all.ts";

let vhostUrl: string;
let proxy: TcpProxy;
let connection: BrokerConnection;
let testLog: ReturnType<typeof createTestLog>;

beforeAll(async () => {
  vhostUrl = await claimVhost();
});
beforeEach(async () => {
  proxy = await startTcpProxy(vhostUrl);
  testLog = createTestLog();
  connection = new BrokerConnection(proxy.through(vhostUrl), "a test", testLog.log);
});
afterEach(async () => {
  await connection.stop();
  await proxy.stop();
});

const isUp = () => eventually(() => expect(connection.up).toBe(true));

async function stopMs(): Promise<number> {
  const startedAt = performance.now();
  await connection.stop();
  return performance.now() - startedAt;
}

describe("when there is no broker at the start", () => {
  test("then it says so without the password, and connects when the broker comes", async () => {
    await proxy.cut();
    const order: string[] = [];
    connection.onSession(async () => void order.push("first"));
    connection.onSession(async () => void order.push("second"));
    connection.start();
    await eventually(() => expect(testLog.lines.length).toBeGreaterThan(1));
    expect(connection.up).toBe(false);
    expect(testLog.lines[0]).toMatchObject({
      level: "warn",
      msg: "waiting for the broker",
      connection: "a test",
    });
    const { password } = new URL(vhostUrl);
    expect(password).not.toBe("");
    expect(JSON.stringify(testLog.lines)).not.toContain(`:${password}@`);

    await proxy.restore();
    await isUp();
    expect(order).toEqual(["first", "second"]);
  });
});

describe("when something goes wrong in a session", () => {
  test("the connection is cut again and again, also while set-ups run, then it always comes back", async () => {
    let sessions = 0;
    let dropInSetUp = false;
    connection.onSession(declareTopology);
    connection.onSession(async (session) => {
      sessions += 1;
      await session.channel();
      if (dropInSetUp) await proxy.cut();
      await declareTopology(session);
    });
    connection.start();
    await isUp();

    for (let round = 0; round < 8; round += 1) {
      dropInSetUp = round % 2 === 1;
      const before = sessions;
      await proxy.cut();
      await eventually(() => expect(connection.up).toBe(false));
      await proxy.restore();
      await eventually(() => expect(sessions).toBeGreaterThan(before));
      dropInSetUp = false;
      await proxy.restore().catch(() => undefined);
      await isUp();
    }
    expect(testLog.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("a channel is closed by the broker, then there is a new session, and the log says why", async () => {
    const sessions: BrokerSession[] = [];
    connection.onSession(async (session) => void sessions.push(session));
    connection.start();
    await isUp();
    const channel = await sessions[0]!.channel();
    await expect(channel.checkQueue("no-such-queue")).rejects.toThrow("NOT_FOUND");
    await eventually(() => expect(sessions).toHaveLength(2));
    await isUp();
    expect(sessions.map(({ isAlive }) => isAlive)).toEqual([false, true]);
    expect(testLog.lines.find(({ level }) => level === "warn")).toMatchObject({
      err: { message: expect.stringContaining("no-such-queue") },
    });
  });

  test("a channel is closed on our side, then there is a new session", async () => {
    const sessions: BrokerSession[] = [];
    connection.onSession(async (session) => void sessions.push(session));
    connection.start();
    await isUp();
    const channel = await sessions[0]!.channel();
    await channel.close();
    await eventually(() => expect(sessions).toHaveLength(2));
  });

  test("a set-up fails, then all of them run again on a new session", async () => {
    let left = 2;
    const runs: string[] = [];
    connection.onSession(async () => void runs.push("before"));
    connection.onSession(async () => {
      left -= 1;
      if (left >= 0) throw new Error("not yet");
    });
    connection.start();
    await isUp();
    expect(runs).toEqual(["before", "before", "before"]);
    expect(testLog.lines.filter(({ msg }) => msg === "waiting for the broker")).toHaveLength(2);
  });

  test("a set-up never ends and its session does, then it does not hold the next session up", async () => {
    let first = true;
    connection.onSession(async (session) => {
      if (!first) return;
      first = false;
      session.fail(new Error("over"));
      await new Promise(() => undefined);
    });
    connection.start();
    await isUp();
    expect(testLog.lines[0]).toMatchObject({ err: { message: "over" } });
  });

  test("what a session had to end with is told once to each who wants to know, late ones included", async () => {
    const heard: string[] = [];
    let ended!: BrokerSession;
    connection.onSession(async (session) => {
      ended ??= session;
    });
    connection.start();
    await isUp();
    ended.onEnded(() => heard.push("early"));
    ended.onEnded(() => heard.push("gone"))();
    ended.fail(new Error("over"));
    ended.fail(new Error("over again"));
    ended.onEnded(() => heard.push("late"));
    expect(heard).toEqual(["early", "late"]);
    expect((await ended.ended).message).toBe("over");
  });
});

describe("when it is stopped", () => {
  test("before it was started, then it never connects", async () => {
    await connection.stop();
    connection.start();
    expect(connection.up).toBe(false);
    expect(testLog.lines).toEqual([]);
  });

  test("while the broker is away, then it stops at once", async () => {
    await proxy.cut();
    connection.start();
    await eventually(() => expect(testLog.lines).not.toEqual([]));
    expect(await stopMs()).toBeLessThan(1_000);
  });

  test("while the broker accepts and says nothing, then it stops at once, and closes what comes up later", async () => {
    proxy.stall();
    connection.start();
    await eventually(() => expect(proxy.connections).toBe(1));
    expect(await stopMs()).toBeLessThan(1_000);
    proxy.flow();
    await eventually(() => expect(proxy.connections).toBe(0));
    expect(connection.up).toBe(false);
  });

  test("in the middle of connecting, then it stops and stays away", async () => {
    connection.start();
    expect(await stopMs()).toBeLessThan(1_000);
    expect(connection.up).toBe(false);
  });

  test("while a set-up waits for ever, then it stops at once", async () => {
    let waits = false;
    connection.onSession(async () => {
      waits = true;
      await new Promise(() => undefined);
    });
    connection.start();
    await eventually(() => expect(waits).toBe(true));
    expect(await stopMs()).toBeLessThan(1_000);
    // Its own end is no trouble that somebody should look into.
    expect(testLog.lines).toEqual([]);
  });

  test("while it is up, then it says goodbye, and a second stop does no harm", async () => {
    connection.start();
    await isUp();
    expect(await stopMs()).toBeLessThan(1_000);
    await connection.stop();
    expect(connection.up).toBe(false);
  });

  test("while the broker hangs, then it ends by force in time", async () => {
    connection.onSession(declareTopology);
    connection.start();
    await isUp();
    proxy.stall();
    expect(await stopMs()).toBeLessThan(3_000);
  });
});
