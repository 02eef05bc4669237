import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";

type Metrics = Map<string, Record<string, number>>;
let metricsOf: (data: unknown) => Metrics;
let summaryLine: (script: string, metrics: Metrics) => string;
let settings: Record<string, number>;

// k6's global, which a script finds its settings in.
beforeAll(async () => {
  Object.assign(globalThis, { __ENV: {} });
  const part = (name: string) => import(new URL(`../parts/${name}.js`, import.meta.url).href);
  ({ metricsOf, summaryLine } = await part("summary"));
  ({ settings } = await part("settings"));
});

/** What k6 gave to handleSummary in short runs against a real shop. */
function recorded(name: string) {
  const text = readFileSync(new URL(`recorded/${name}.json`, import.meta.url), "utf8");
  const { script, settings: own, data } = JSON.parse(text);
  Object.assign(settings, own);
  const metrics = metricsOf(data);
  return {
    line: (changes: Record<string, Record<string, number>> = {}) =>
      summaryLine(script, new Map([...metrics, ...Object.entries(changes)])),
  };
}

test("says speed, outcome and books of a run by k6 1", () => {
  expect(recorded("orders-k6-1").line()).toBe(
    "orders: 50/s for 4 s · p50 2.6 ms p95 5.0 ms p99 7.6 ms · 0 failed, 0 dropped" +
      " · order to done p50 13 ms p95 18 ms p99 27 ms · drained in 0.02 s · stock adds up",
  );
});

test("says the same of a run by k6 2, which gives no p99", () => {
  expect(recorded("orders-k6-2").line()).toBe(
    "orders: 50/s for 4 s · p50 4.8 ms p95 25 ms · 0 failed, 0 dropped" +
      " · order to done p50 22 ms p95 96 ms · drained in 0.01 s · stock adds up",
  );
});

test("counts the checks of smoke", () => {
  const smoke = recorded("smoke-k6-1");
  expect(smoke.line()).toMatch(/^smoke: 0 checks failed · p50 1\.7 ms/);
  expect(smoke.line({ checks_failed: { matches: 2 } })).toContain("2 checks failed");
});

test("names the rate that held, the one that did not, and why", () => {
  expect(recorded("orders-max-broken").line()).toMatch(
    /^orders-max: 100\/s held for 5 s with p95 21 ms · 5,000\/s did not: p95 652 ms · .* · 142 orders without an answer · stock adds up$/,
  );
});

test("says that nothing higher was tried when every rate held", () => {
  expect(recorded("orders-max").line()).toContain("200/s held for 5 s with p95 55 ms, and nothing");
});

test.each([
  ["http_req_duration", { p95: 100 }, "p95 100 ms"],
  ["http_req_failed", { matches: 1 }, "1 failed"],
  ["order_to_done", { p95: 1200 }, "orders wait 1,200 ms"],
  ["http_reqs", { count: 280 }, "not all could be sent in time"],
])("holds no rate when %s is %j: %s", (metric, values, why) => {
  const line = recorded("orders-max").line({ [`${metric}{step:100}`]: values });
  expect(line).toContain(`no rate held · 100/s did not: ${why}`);
});

test("has no figures when nothing was sent", () => {
  expect(recorded("orders-k6-1").line({ iterations: { count: 0 } })).toBe(
    "orders: nothing was sent",
  );
});

test("counts requests that failed or could not be sent", () => {
  const line = recorded("orders-k6-1").line({
    "http_req_failed{load:yes}": { matches: 7 },
    "dropped_iterations{scenario:orders}": { count: 1500 },
  });
  expect(line).toContain("7 failed, 1,500 dropped");
});

describe("the books", () => {
  test.each([
    ["orders_lost", "3 ORDERS LOST"],
    ["orders_surplus", "3 ORDERS NOT SENT BY THIS RUN"],
    ["orders_rejected", "3 ORDERS REJECTED"],
    ["pending_left", "3 ORDERS STILL PENDING"],
    ["stock_mismatch", "3 PRODUCTS WHOSE STOCK DOES NOT ADD UP"],
  ])("do not add up when %s is above 0", (metric, words) => {
    const line = recorded("orders-k6-1").line({ [metric]: { count: 3 } });
    expect(line).toContain(words);
    expect(line).not.toContain("stock adds up");
  });

  test("are not called right when they were not checked", () => {
    expect(recorded("orders-k6-1").line({ products_checked: {} })).toContain("BOOKS NOT CHECKED");
  });

  test("add up when orders had no answer, and count them", () => {
    const line = recorded("orders-k6-1").line({
      orders_lost: { count: -2 },
      orders_surplus: { count: -3 },
    });
    expect(line).toContain("5 orders without an answer · stock adds up");
  });
});
