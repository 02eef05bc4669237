import { eventually } from "@shop/test-support/eventually";
import { claimVhost } from "@shop/test-support/servers";
import { startTcpProxy, type TcpProxy } from "@shop/test-support/tcp-proxy";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestLog } from "../kit.fixture.ts";
import { BrokerConnection } from "./broker-connection.ts";
import { declareTopology } from "./declare-all.ts";
import { Publisher } from "./publisher.ts";

let vhostUrl: string;
const cleanUps: (() => Promise<void>)[] = [];

beforeAll(async () => {
  vhostUrl = await claimVhost();
});
afterAll(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
});

async function connectThroughProxy(): Promise<{
  proxy: TcpProxy;
  connection: BrokerConnection;
  publisher: Publisher;
  messages: () => unknown[];
}> {
  const proxy = await startTcpProxy(vhostUrl);
  const { log, lines } = createTestLog();
  const connection = new BrokerConnection(proxy.through(vhostUrl), "a test", log);
  connection.onSession(declareTopology);
  const publisher = new Publisher(connection);
  cleanUps.push(
    () => proxy.stop(),
    () => connection.stop(),
  );
  return { proxy, connection, publisher, messages: () => lines.map(({ err }) => err) };
}

// Each waits for a limit of several seconds, so they wait together.
describe.concurrent("when the broker hangs", () => {
  test("while messages wait for their confirms, then they are unknown in time and there is a new session afterwards", async () => {
    const { proxy, connection, publisher } = await connectThroughProxy();
    connection.start();
    await eventually(() => expect(publisher.available).toBe(true));
    proxy.stall();
    const startedAt = performance.now();
    const one = { id: crypto.randomUUID(), type: "order.created", requestId: "r", payload: "{}" };
    expect(await publisher.publish([one, one])).toEqual(["unknown", "unknown"]);
    expect(performance.now() - startedAt).toBeLessThan(11_000);
    await eventually(() => expect(publisher.available).toBe(false));
    proxy.flow();
    await eventually(() => expect(publisher.available).toBe(true));
  });

  test("while nothing is sent, then the missing heartbeats end the session", async () => {
    const { proxy, connection } = await connectThroughProxy();
    connection.start();
    await eventually(() => expect(connection.up).toBe(true));
    proxy.stall();
    await eventually(() => expect(connection.up).toBe(false), 16_000);
    proxy.flow();
    await eventually(() => expect(connection.up).toBe(true));
  });

  test("while it is being connected to, then the try is given up and made again", async () => {
    const { proxy, connection, messages } = await connectThroughProxy();
    proxy.stall();
    connection.start();
    await eventually(() => expect(messages()).not.toEqual([]));
    proxy.flow();
    await eventually(() => expect(connection.up).toBe(true));
  });

  test("while the topology is being declared, then the session is given up and there is a new one", async () => {
    const { proxy, connection, messages } = await connectThroughProxy();
    let hang = true;
    connection.onSession(async (session) => {
      if (!hang) return;
      hang = false;
      proxy.stall();
      await declareTopology(session);
    });
    connection.start();
    await eventually(() =>
      expect(messages()).toContainEqual(
        expect.objectContaining({ message: "the broker did not answer" }),
      ),
    );
    proxy.flow();
    await eventually(() => expect(connection.up).toBe(true));
  });
});
