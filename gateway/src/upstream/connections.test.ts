import { setImmediate as turn } from "node:timers/promises";
import { eventually } from "@shop/test-support/eventually";
import { captureLog } from "@shop/test-support/log-capture";
import { createLogger } from "@shop/service-kit/log/logger";
import { expect, onTestFinished, test } from "vitest";
import { giveProduct, startFakeService } from "./fake-service.fixture.ts";
import { CONNECT_LIMIT_MS, Connections } from "./connections.ts";
import { NotSent } from "./failures.ts";
import { Deadline } from "./deadline.ts";
import { Instance } from "./instances.ts";

/** Far away, for calls that end in another way. */
const DEADLINE_MS = 60_000;

async function ask(connections: Connections, deadline = new Deadline(DEADLINE_MS), headers = {}) {
  try {
    return await connections.request({ method: "GET", path: "/", headers }, deadline);
  } finally {
    deadline.stop();
  }
}

async function start() {
  const service = await startFakeService();
  const log = createLogger({ name: "gateway", level: "info" }, captureLog().destination);
  const instance = new Instance(service.url, log);
  onTestFinished(async () => {
    await instance.close();
    await service.stop();
  });
  const get = async (isRetry = false): Promise<number> => {
    const answer = await ask(instance.connections(isRetry));
    instance.noteHeaders(answer.headers, isRetry);
    return answer.status;
  };
  return { service, instance, get };
}

/** Nothing else runs meanwhile, as on a machine that is busy otherwise. */
const standStill = (ms: number): unknown =>
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test("keeps a connection that was made while the gateway itself stood still", async () => {
  const { get } = await start();
  // From here timers are looked at before sockets.
  await turn();
  const status = get();
  // Behind the call that connects.
  process.nextTick(() => standStill(CONNECT_LIMIT_MS + 200));
  expect(await status).toBe(200);
});

test("gives a retry a connection of its own, which is not kept", async () => {
  const { service, instance, get } = await start();
  await get();
  expect(service.connections).toBe(1);
  for (let count = 0; count < 3; count += 1) await get(true);
  expect(service.connections).toBe(4);
  await eventually(() => expect(service.sockets.size).toBe(1));
  expect(instance.isLeaving).toBe(false);
});

test("closes the free connections to an instance that leaves, and lets calls in flight finish", async () => {
  const { service, instance, get } = await start();
  const pending: (() => void)[] = [];
  service.answers((request, response) => pending.push(() => giveProduct(request, response)));
  const many = Array.from({ length: 5 }, () => get());
  await eventually(() => expect(pending).toHaveLength(5));
  for (const give of pending.splice(0, 4)) give();
  await Promise.all(many.slice(0, 4));
  expect(service.sockets.size).toBe(5);

  service.answers((request, response) => {
    response.setHeader("connection", "close");
    giveProduct(request, response);
  });
  await get();
  expect(instance.isLeaving).toBe(true);
  await eventually(() => expect(service.sockets.size).toBe(1));
  pending[0]!();
  expect(await Promise.all(many)).toEqual([200, 200, 200, 200, 200]);
  await eventually(() => expect(service.sockets.size).toBe(0));
  service.answers(giveProduct);
  expect(await get()).toBe(200);
});

test("closes calls that are in flight to an instance that leaves", async () => {
  const { service, instance, get } = await start();
  let asked = 0;
  service.answers(() => (asked += 1));
  const stuck = get();
  await eventually(() => expect(asked).toBe(1));
  instance.noteHeaders({ connection: "close" }, false);
  await Promise.all([instance.close(), expect(stuck).rejects.toThrow("The client is destroyed")]);
  await eventually(() => expect(service.sockets.size).toBe(0));
});

async function startFew(max: number) {
  const service = await startFakeService();
  const connections = new Connections(service.url, { max, keepAlive: true });
  onTestFinished(async () => {
    await connections.close();
    await service.stop();
  });
  const get = (deadline?: Deadline, headers = {}) => ask(connections, deadline, headers);
  return { service, connections, get };
}

test("ends a call in the queue without the cost of a connection or of a call behind it", async () => {
  const { service, get } = await startFew(2);
  const pending: (() => void)[] = [];
  service.answers((request, response) => pending.push(() => giveProduct(request, response)));
  const first = [get(), get()];
  await eventually(() => expect(pending).toHaveLength(2));
  const deadline = new Deadline(DEADLINE_MS);
  const gone = Array.from({ length: 50 }, () => get(deadline));
  const last = get();
  deadline.end(new Error("too late"));
  for (const call of gone) await expect(call).rejects.toThrow("too late");
  service.answers(giveProduct);
  for (const give of pending) give();
  for (const call of [...first, last]) expect((await call).status).toBe(200);
  expect(service.connections).toBe(2);
  expect(service.seen).toHaveLength(3);
});

test("rejects calls in the queue as not sent when all is closed", async () => {
  const { service, connections, get } = await startFew(1);
  service.answers(() => undefined);
  const stuck = get();
  const waiting = get();
  await eventually(() => expect(service.seen).toHaveLength(1));
  await Promise.all([
    connections.close(),
    expect(stuck).rejects.toThrow("The client is destroyed"),
    expect(waiting).rejects.toThrow(NotSent),
  ]);
});

test("fails an invalid request alone", async () => {
  const { get } = await startFew(1);
  for (let count = 0; count < 3; count += 1) {
    await expect(get(undefined, { "x-a": "b\nc" })).rejects.toThrow("invalid x-a header");
    expect((await get()).status).toBe(200);
  }
});

test("answers a request on a connection that was just reset, or rejects it as not sent", async () => {
  const { service, get } = await startFew(1);
  for (let count = 1; count <= 20; count += 1) {
    await get();
    const seen = service.seen.length;
    for (const socket of service.sockets) socket.resetAndDestroy();
    const outcome = await get().then(
      () => "answered",
      ({ name }: Error) => name,
    );
    expect(["answered", "NotSent"]).toContain(outcome);
    expect(service.seen).toHaveLength(outcome === "answered" ? seen + 1 : seen);
  }
});
