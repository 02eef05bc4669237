import { setImmediate as turn } from "node:timers/promises";
import { eventually } from "@shop/test-support/eventually";
import { captureLog } from "@shop/test-support/log-capture";
import { createLogger } from "@shop/service-kit/log/logger";
import { expect, onTestFinished, test } from "vitest";
import { giveProduct, startFakeService } from "./fake-service.fixture.ts";
import { CONNECT_LIMIT_MS, Connections } from "./connections.ts";
import { NotSent } from "./failures.ts";
import { connectInstance } from "./instance.ts";
import { getWhole } from "./whole-answer.ts";

async function start() {
  const service = await startFakeService();
  const log = createLogger({ name: "gateway", level: "info" }, captureLog().destination);
  const instance = connectInstance(service.url, log);
  onTestFinished(async () => {
    await instance.close();
    await service.stop();
  });
  const get = async (again = false): Promise<number> => {
    const { signal } = new AbortController();
    const answer = await getWhole(instance.connections(again), { path: "/", headers: {}, signal });
    instance.heed(answer.headers, again);
    return answer.status;
  };
  return { service, instance, get };
}

/** Nothing else runs meanwhile, as on a machine that is busy otherwise. */
const standStill = (ms: number): unknown =>
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test("a connection that came about while the gateway itself stood still is not given up", async () => {
  const { get } = await start();
  // From here timers are looked at before sockets.
  await turn();
  const status = get();
  // Behind the call that connects.
  process.nextTick(() => standStill(CONNECT_LIMIT_MS + 200));
  expect(await status).toBe(200);
});

test("a second try has a connection of its own, which is not kept", async () => {
  const { service, instance, get } = await start();
  await get();
  expect(service.connections).toBe(1);
  for (let count = 0; count < 3; count += 1) await get(true);
  expect(service.connections).toBe(4);
  await eventually(() => expect(service.sockets.size).toBe(1));
  expect(instance.isLeaving).toBe(false);
});

test("when it says that it is leaving, then the free connections are closed, and what is at work ends well", async () => {
  const { service, instance, get } = await start();
  const held: (() => void)[] = [];
  service.answers((request, response) => held.push(() => giveProduct(request, response)));
  const many = Array.from({ length: 5 }, () => get());
  await eventually(() => expect(held).toHaveLength(5));
  for (const give of held.splice(0, 4)) give();
  await Promise.all(many.slice(0, 4));
  expect(service.sockets.size).toBe(5);

  service.answers((request, response) => {
    response.setHeader("connection", "close");
    giveProduct(request, response);
  });
  await get();
  expect(instance.isLeaving).toBe(true);
  await eventually(() => expect(service.sockets.size).toBe(1));
  held[0]!();
  expect(await Promise.all(many)).toEqual([200, 200, 200, 200, 200]);
  await eventually(() => expect(service.sockets.size).toBe(0));
  service.answers(giveProduct);
  expect(await get()).toBe(200);
});

test("when all is closed, then so is what was still at work while it was leaving", async () => {
  const { service, instance, get } = await start();
  let asked = 0;
  service.answers(() => (asked += 1));
  const stuck = get();
  await eventually(() => expect(asked).toBe(1));
  instance.heed({ connection: "close" }, false);
  await Promise.all([instance.close(), expect(stuck).rejects.toThrow("The client is destroyed")]);
  await eventually(() => expect(service.sockets.size).toBe(0));
});

async function startFew(most: number) {
  const service = await startFakeService();
  const connections = new Connections(service.url, { most, areKept: true });
  onTestFinished(async () => {
    await connections.close();
    await service.stop();
  });
  const get = (signal = new AbortController().signal, headers = {}) =>
    getWhole(connections, { path: "/", headers, signal });
  return { service, connections, get };
}

test("a call that ends while it waits in line costs no connection, and nobody waits behind it", async () => {
  const { service, get } = await startFew(2);
  const held: (() => void)[] = [];
  service.answers((request, response) => held.push(() => giveProduct(request, response)));
  const first = [get(), get()];
  await eventually(() => expect(held).toHaveLength(2));
  const impatient = new AbortController();
  const gone = Array.from({ length: 50 }, () => get(impatient.signal));
  const last = get();
  impatient.abort(new Error("too late"));
  for (const call of gone) await expect(call).rejects.toThrow("too late");
  service.answers(giveProduct);
  for (const give of held) give();
  for (const call of [...first, last]) expect((await call).status).toBe(200);
  expect(service.connections).toBe(2);
  expect(service.seen).toHaveLength(3);
});

test("those that wait when all is closed hear that nothing was sent", async () => {
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

test("a request that is not valid fails alone", async () => {
  const { get } = await startFew(1);
  for (let count = 0; count < 3; count += 1) {
    await expect(get(undefined, { "x-a": "b\nc" })).rejects.toThrow("invalid x-a header");
    expect((await get()).status).toBe(200);
  }
});

test("a connection that is reset just before it is used: the request has an answer, or was not sent", async () => {
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
