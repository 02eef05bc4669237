import type { Order } from "@shop/contracts/order";
import type { Product } from "@shop/contracts/product";
import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { startServiceProcess, type ServiceProcess } from "@shop/test-support/service-process";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ordersFor, startFixture, type Fixture } from "./product-service.fixture.ts";

const STOP_LIMIT_MS = 10_000;
const KILLS = 3;

let fixture: Fixture;
const running: ServiceProcess[] = [];

beforeAll(async () => {
  fixture = await startFixture();
  // Its place is taken by processes, which can be killed.
  await fixture.service.stop();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.end("SIGKILL")));
});
afterAll(() => fixture.stop());

async function startProcess(environment: Record<string, string> = {}): Promise<ServiceProcess> {
  const process = await startServiceProcess("product-service", {
    ...fixture.environment,
    ...environment,
  });
  running.push(process);
  await fixture.ready(process.url);
  return process;
}

const create = async (process: ServiceProcess, qty: number): Promise<Product> =>
  (await call(`${process.url}/products`, { body: { name: "Laptop", price: 1, qty } })).body;
const tellAll = (orders: readonly Order[]) => fixture.broker.publishAll("order.created", orders);
const decided = async (productId: number): Promise<number> =>
  Object.values(await fixture.outcomes(productId)).reduce((sum, count) => sum + count, 0);

describe("kill -9", () => {
  test("when it comes between commit and ack, then the outcomes are told again and the stock is unchanged", async () => {
    const { RABBITMQ_URL } = fixture.onItsWays;
    const first = await startProcess({ RABBITMQ_URL });
    const { id } = await create(first, 100);
    const orders = ordersFor(id, 80);
    await fixture.sql.holding(`SELECT 1 FROM products WHERE id = ${id} FOR UPDATE`, async () => {
      await tellAll(orders);
      await eventually(async () =>
        expect(await fixture.broker.depth(ORDER_CREATED_QUEUE.name)).toBe(0),
      );
      fixture.ways.broker.stall();
    });
    await eventually(async () => expect(await fixture.outcomes(id)).toHaveProperty("done"));
    const committed = await decided(id);
    await first.end("SIGKILL");
    await fixture.ways.broker.cut();
    fixture.ways.broker.flow();
    await fixture.ways.broker.restore();

    const second = await startProcess();
    await fixture.allSettled(orders);
    expect(await fixture.stock(id)).toEqual({ is: 20, should: 20 });
    const metrics = (await call(`${second.url}/metrics`)).text;
    const again = /^orders_decided_before_total (\d+)$/m.exec(metrics)?.[1];
    expect(Number(again)).toBeGreaterThanOrEqual(committed);
  });

  test("when it comes at random under a stream of orders and writes, then nothing is lost and nothing doubled", async () => {
    let process = await startProcess();
    const { id } = await create(process, 500);
    const acknowledged: Product[] = [];
    const orders: Order[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const fresh = ordersFor(id, 300);
      const target = (await decided(id)) + 1 + Math.floor(Math.random() * 250);
      const streaming = tellAll([...fresh, ...orders.slice(-50), ...fresh.slice(0, 50)]);
      const writing = Promise.all(
        Array.from({ length: 20 }, () => create(process, 1).then((one) => acknowledged.push(one))),
      ).catch(() => undefined);
      await eventually(async () => expect(await decided(id)).toBeGreaterThanOrEqual(target));
      await process.end("SIGKILL");
      await Promise.all([streaming, writing]);
      orders.push(...fresh);
      process = await startProcess();
    }
    await fixture.allSettled(orders);
    expect(await fixture.outcomes(id)).toEqual({ done: 500, OUT_OF_STOCK: KILLS * 300 - 500 });
    for (const one of acknowledged) {
      expect((await call(`${process.url}/products/${one.id}`)).body).toEqual(one);
    }
  });
});

describe("SIGTERM", () => {
  test("when work is in flight, then it is finished, the exit code is 0 within 10 s, and nothing is lost", async () => {
    const first = await startProcess();
    const [sold, held] = [await create(first, 2_000), await create(first, 1)];
    const orders = ordersFor(sold.id, 1_500);
    const streaming = tellAll(orders);
    await eventually(async () => expect(await decided(sold.id)).toBeGreaterThan(0));

    const startedAt = performance.now();
    const { inFlight, ended } = await fixture.sql
      .holding(`SELECT 1 FROM products WHERE id = ${held.id} FOR UPDATE`, async () => {
        const answer = call<Product>(`${first.url}/products/${held.id}`, {
          method: "PUT",
          body: { name: "in flight", price: 2 },
        });
        await eventually(async () => expect(await fixture.lockWaits()).toHaveLength(1));
        const exit = first.end("SIGTERM");
        // It takes nothing new while it finishes what it has.
        await eventually(async () => {
          const live = call(`${first.url}/health/live`);
          expect(
            await live.then(
              () => "taken",
              () => "refused",
            ),
          ).toBe("refused");
        });
        return { inFlight: answer, ended: exit };
      })
      .then(({ inFlight: answer, ended: exit }) => ({ inFlight: answer, ended: exit }));
    expect((await inFlight).body).toMatchObject({ name: "in flight", version: 2 });
    expect(await ended).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(STOP_LIMIT_MS);
    expect(first.lines.at(-1)).toContain('"msg":"stopped"');
    expect(first.lines.join()).not.toContain("requests did not finish in time");

    await streaming;
    await startProcess();
    await fixture.allSettled(orders);
    expect(await fixture.outcomes(sold.id)).toEqual({ done: 1_500 });
  });

  test("when everything that it needs is away, then the exit code is 0 within 10 s all the same", async () => {
    const process = await startProcess(fixture.onItsWays);
    await create(process, 1);
    await Promise.all(Object.values(fixture.ways).map((way) => way.cut()));
    const startedAt = performance.now();
    expect(await process.end("SIGTERM")).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(STOP_LIMIT_MS);
    await Promise.all(Object.values(fixture.ways).map((way) => way.restore()));
  });
});
