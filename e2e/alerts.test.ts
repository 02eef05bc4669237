import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { lastingPorts } from "local-stack/processes/ports";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ADVICE } from "operations/stuck/why";
import { startShopWithGateway, type ShopWithGateway } from "./gateway.fixture.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

const read = (path: string): string => readFileSync(join(CHECKOUT, path), "utf8");
const RUNBOOK = "docs/operations.md";
const { groups } = parse(read("docs/prometheus/alerts.yml")) as { groups: { rules: Rule[] }[] };
const RULES = groups.flatMap(({ rules }) => rules);

/** As GitHub makes anchors. */
const headings = new Set(
  [...read(RUNBOOK).matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(/\s/g, "-"),
  ),
);

/** What Prometheus adds by itself. */
const OF_PROMETHEUS = { metrics: ["up"], labels: ["job", "instance"] };
const NAME = /\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\bup\b/g;
const FUNCTIONS = new Set(["histogram_quantile"]);

const withoutText = (expr: string): string => expr.replaceAll(/"[^"]*"/g, '""');

/** Every metric of an expression, with the labels that it is asked for. */
function metricsIn(expr: string): { name: string; labels: string[] }[] {
  const plain = withoutText(expr);
  const grouped = [...plain.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(","));
  const found = plain.replaceAll(/\{[^}]*\}/g, "").match(NAME) ?? [];
  return [...new Set(found)]
    .filter((name) => !FUNCTIONS.has(name))
    .map((name) => {
      const matchers = [...plain.matchAll(new RegExp(`\\b${name}\\{([^}]*)\\}`, "g"))];
      const asked = matchers.flatMap(([, list]) =>
        [...list!.matchAll(/(\w+)(?:=|!)/g)].map(([, label]) => label!),
      );
      return { name, labels: [...asked, ...grouped.map((label) => label.trim())] };
    });
}

let shop: ShopWithGateway;
/** Of all programs: the labels of each metric. */
const exported = new Map<string, Set<string>>();

beforeAll(async () => {
  const [adminPort] = await lastingPorts(1);
  shop = await startShopWithGateway({ gateway: { ADMIN_PORT: `${adminPort}` } });
  const { body } = await shop.agent.post("/products").send({ name: "Cup", price: 1, qty: 5 });
  const order = await shop.agent.post("/orders").send({ productId: body.data.id, qty: 1 });
  await shop.settled(order.body.data.id);
  const urls = [`http://127.0.0.1:${adminPort}`, shop.shop.product.url, shop.shop.order.url];
  await eventually(async () => {
    const texts = await Promise.all(urls.map(async (url) => (await call(`${url}/metrics`)).text));
    // Queues are looked at every few seconds.
    expect(texts[1]).toMatch(
      /^dead_letter_queue_messages\{queue="product-service.order-created"\} 0$/m,
    );
    for (const text of texts) takeIn(text);
  });
});
afterAll(() => shop?.stop());

function takeIn(text: string): void {
  for (const [, name] of text.matchAll(/^# TYPE (\w+) /gm)) labelsOf(name!);
  for (const [, name, labels] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    for (const [, label] of (labels ?? "").matchAll(/(\w+)="/g)) labelsOf(name!).add(label!);
  }
}

function labelsOf(name: string): Set<string> {
  const labels = exported.get(name) ?? new Set();
  exported.set(name, labels);
  return labels;
}

test("gives each rule a name of its own", () => {
  expect(RULES.length).toBeGreaterThan(10);
  expect(new Set(RULES.map(({ alert }) => alert)).size).toBe(RULES.length);
});

describe.each(RULES)("$alert", (rule) => {
  test("has a duration, a severity, a summary and a run-book heading", () => {
    expect(rule.for).toMatch(/^\d+[smh]$/);
    expect(rule.labels.severity).toMatch(/^(critical|warning|info)$/);
    expect(rule.annotations.summary).not.toBe("");
    const [document, heading] = rule.annotations.runbook.split("#");
    expect(document).toBe(RUNBOOK);
    expect([...headings]).toContain(heading);
  });

  test("queries metrics and labels that the programs export", () => {
    const metrics = metricsIn(rule.expr);
    expect(metrics).not.toEqual([]);
    for (const { name, labels } of metrics) {
      expect([...exported.keys(), ...OF_PROMETHEUS.metrics]).toContain(name);
      const known = [...(exported.get(name) ?? []), ...OF_PROMETHEUS.labels];
      for (const label of labels) expect(known).toContain(label);
    }
  });

  test("uses in its summary only labels that its expression keeps", () => {
    const kept = metricsIn(rule.expr).flatMap(({ labels }) => labels);
    const used = [...rule.annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(
      ([, label]) => label!,
    );
    for (const label of used) expect([...kept, ...OF_PROMETHEUS.labels]).toContain(label);
  });
});

test("finds every heading that orders:stuck links to", () => {
  for (const { heading } of Object.values(ADVICE)) expect([...headings]).toContain(heading);
});

test("exports every metric that the run-book names", () => {
  const named = [...read(RUNBOOK).matchAll(/`((?:[a-z]+_)+[a-z]+)(?:\{[^`]*\})?`/g)].map(
    ([, name]) => name!,
  );
  const metrics = named.filter((name) =>
    /_(?:total|seconds|rows|messages|state|check|flight|long)$/.test(name),
  );
  expect(metrics).not.toEqual([]);
  const known = new Set(
    [...exported.keys()].map((name) => name.replace(/_(?:count|sum|bucket)$/, "")),
  );
  expect(metrics.filter((name) => !known.has(name))).toEqual([]);
});
