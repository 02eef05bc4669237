import type { RequestListener } from "node:http";
import { eventually } from "@shop/test-support/eventually";
import { afterEach, describe, expect, test } from "vitest";
import { startBlackHole } from "./black-hole.fixture.ts";
import {
  PRODUCT_TEXT,
  sendJson,
  startFakeService,
  type FakeService,
} from "./fake-service.fixture.ts";
import { expectFailure, startFixture, type Fixture } from "../gateway.fixture.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** A gateway before three instances of product-service. */
async function startWithThree(settings: Record<string, string> = {}) {
  const instances = await Promise.all([1, 2, 3].map(() => startFakeService()));
  for (const instance of instances) stops.push(instance.stop);
  const fixture = await startFixture({
    PRODUCT_SERVICE_URLS: instances.map(({ url }) => url).join(","),
    ...settings,
  });
  stops.push(fixture.stop);
  return { fixture, instances: instances as [FakeService, FakeService, FakeService] };
}

const getMany = async ({ request }: Fixture, count: number): Promise<number[]> => {
  const statuses: number[] = [];
  for (let at = 0; at < count; at += 1) statuses.push((await request("/products/26")).status);
  return statuses;
};

const counts = (instances: readonly FakeService[]): number[] =>
  instances.map(({ seen }) => seen.length);

describe("several instances", () => {
  test("shares the requests between instances in turn", async () => {
    const { fixture, instances } = await startWithThree();
    await getMany(fixture, 9);
    expect(counts(instances)).toEqual([3, 3, 3]);
  });

  test("loses no request to one that refuses, and uses it again when it answers", async () => {
    const { fixture, instances } = await startWithThree();
    const [first] = instances;
    await first.stop();
    expect(new Set(await getMany(fixture, 30))).toEqual(new Set([200]));
    for (let at = 0; at < 10; at += 1) {
      const body = { name: "Cup", price: 1, qty: 1 };
      expect((await fixture.request("/products", { body })).status).toBe(200);
    }
    const label = `instance="${first.url}"`;
    expect(await fixture.metric("upstream_breaker_state", label)).toBeGreaterThan(0);

    await first.start();
    await eventually(async () => {
      expect((await fixture.request("/products/26")).status).toBe(200);
      expect(first.seen.length).toBeGreaterThan(0);
    });
    expect(await fixture.metric("upstream_breaker_state", label)).toBe(0);
    for (const msg of [
      "an instance does not answer and is left out",
      "an instance answers again",
    ]) {
      expect(fixture.log.lines).toContainEqual(
        expect.objectContaining({ msg, instance: first.url }),
      );
    }
  });

  test("loses no GET to one that breaks off", async () => {
    const { fixture, instances } = await startWithThree();
    instances[1].answers((request) => void request.socket.resetAndDestroy());
    expect(new Set(await getMany(fixture, 30))).toEqual(new Set([200]));
  });

  test("leaves one out that hangs, and tries it with one request at a time", async () => {
    const { fixture, instances } = await startWithThree({ UPSTREAM_DEADLINE_MS: "200" });
    const never: RequestListener = () => undefined;
    instances[2].answers(never);
    const statuses = (
      await Promise.all(Array.from({ length: 10 }, () => getMany(fixture, 12)))
    ).flat();
    expect(statuses.filter((status) => status !== 200).length).toBeLessThan(30);
    const seenThen = instances[2].seen.length;
    // It is half-open for one request only, however many come at once.
    await eventually(async () => {
      await Promise.all(Array.from({ length: 20 }, () => fixture.request("/products/26")));
      expect(instances[2].seen.length).toBe(seenThen + 1);
    });
  });
});

test("asks an instance that leaves no more, unless it is the only one", async () => {
  const { fixture, instances } = await startWithThree();
  const [first, second, third] = instances;
  const leave: RequestListener = (_request, response) => {
    response.setHeader("connection", "close");
    sendJson(response, 200, PRODUCT_TEXT);
  };
  first.answers(leave);
  for (const path of ["/products/26", "/products/26-with-orders"]) {
    await getMany(fixture, 9);
    expect(first.seen.length).toBe(1);
    expect((await fixture.request(path)).status).toBe(200);
  }
  second.answers(leave);
  third.answers(leave);
  expect(new Set(await getMany(fixture, 9))).toEqual(new Set([200]));
});

test("asks instances in turn when all of them leave", async () => {
  const { fixture, instances } = await startWithThree();
  for (const instance of instances) {
    instance.answers((_request, response) => {
      response.setHeader("connection", "close");
      sendJson(response, 200, PRODUCT_TEXT);
    });
  }
  expect(new Set(await getMany(fixture, 12))).toEqual(new Set([200]));
  expect(counts(instances)).toEqual([4, 4, 4]);
});

describe("an instance without connections", () => {
  test("goes to another one, in the proxy and in the BFF, and sends a write once", async () => {
    const hole = await startBlackHole();
    stops.push(hole.stop);
    const live = await startFakeService();
    stops.push(live.stop);
    const fixture = await startFixture({ PRODUCT_SERVICE_URLS: `${hole.url},${live.url}` });
    stops.push(fixture.stop);
    const body = { name: "Cup", price: 1, qty: 1 };
    const answers = await Promise.all([
      fixture.request("/products", { body }),
      fixture.request("/products", { body }),
      fixture.request("/products/26-with-orders"),
      fixture.request("/products/26-with-orders"),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(live.seen.filter(({ method }) => method === "POST")).toHaveLength(2);
  });

  test("answers 503 with Retry-After long before the deadline when it is alone", async () => {
    const hole = await startBlackHole();
    stops.push(hole.stop);
    const fixture = await startFixture({ PRODUCT_SERVICE_URLS: hole.url });
    stops.push(fixture.stop);
    const startedAt = performance.now();
    const answer = await fixture.request("/products/26");
    expectFailure(answer, 503, "UNAVAILABLE");
    expect(answer.headers["retry-after"]).toBe("1");
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

describe("one instance", () => {
  test("answers 503 with Retry-After at once while it refuses", async () => {
    const fixture = await startFixture();
    stops.push(fixture.stop);
    await fixture.products.stop();
    const startedAt = performance.now();
    for (let at = 0; at < 100; at += 1) {
      const answer = await fixture.request("/products/26");
      expectFailure(answer, 503, "UNAVAILABLE");
      expect(answer.headers["retry-after"]).toBe("1");
    }
    expect((performance.now() - startedAt) / 100).toBeLessThan(100);
    expect((await fixture.request("/orders/product/26")).status).toBe(200);

    await fixture.products.start();
    await eventually(async () => {
      expect((await fixture.request("/products/26")).status).toBe(200);
    });
  });

  test("answers 503 when its name does not resolve", async () => {
    const fixture = await startFixture({ PRODUCT_SERVICE_URLS: "http://no-such-host.invalid" });
    stops.push(fixture.stop);
    expectFailure(await fixture.request("/products/26"), 503, "UNAVAILABLE");
  });

  test("keeps to the retry budget when it breaks off every answer", async () => {
    const fixture = await startFixture();
    stops.push(fixture.stop);
    fixture.products.answers((request) => void request.socket.resetAndDestroy());
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => (await fixture.request("/products/26")).status),
    );
    expect(statuses.every((status) => status === 502 || status === 503)).toBe(true);
    // A tenth of the requests, and 20 that were saved up.
    expect(await fixture.metric("upstream_retries_total")).toBeLessThanOrEqual(40);
  });
});

test("G8: passes no reset on to a client after idle gaps around the times when either side closes", async () => {
  const fixture = await startFixture();
  stops.push(fixture.stop);
  // It says so in each answer, so the gateway gives a connection up a second earlier.
  fixture.products.keepAliveMs(2_000);
  const gapsMs = [900, 1_000, 1_100, 1_900, 2_000, 2_100, 2_900, 3_000, 3_100];
  const statuses = await Promise.all(
    Array.from({ length: 450 }, async (_, worker) => {
      const first = await fixture.request("/products/26");
      const gapMs = gapsMs[worker % gapsMs.length]! + (worker % 50);
      await new Promise((resolve) => setTimeout(resolve, gapMs));
      return [first.status, (await fixture.request("/products/26")).status];
    }),
  );
  expect(new Set(statuses.flat())).toEqual(new Set([200]));
});
