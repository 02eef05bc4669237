import { heldStep, triedSteps } from "./held-rate.ts";
import type { LoadRecord, Metrics } from "./load-record.ts";

const count = (value: number) => Math.round(value).toLocaleString("en-US");
const inMs = (value: number) => `${value < 10 ? value.toFixed(1) : count(value)} ms`;

function valueOf(metrics: Metrics, metric: string, value: string): number {
  return metrics.get(metric)?.[value] ?? 0;
}

/** Those that this k6 has kept: k6 2 gives no p99. */
function percentiles(metrics: Metrics, metric: string, names: Record<string, string>): string[] {
  return Object.entries(names).flatMap(([key, name]) => {
    const value = metrics.get(metric)?.[key];
    return value === undefined ? [] : [`${name} ${inMs(value)}`];
  });
}

/** Of all scenarios that are the load; the few orders that are followed beside it are none of it. */
function dropped(metrics: Metrics): number {
  return [...metrics.entries()]
    .filter(([name]) => name.startsWith("dropped_iterations{"))
    .reduce((sum, [, values]) => sum + (values["count"] ?? 0), 0);
}

function load({ script, settings, metrics }: LoadRecord): string[] {
  if (script === "orders-max") return held({ script, settings, metrics });
  const latency = percentiles(metrics, "http_req_duration{load:yes}", {
    med: "p50",
    p95: "p95",
    p99: "p99",
  }).join(" ");
  if (script === "smoke") {
    return [`${count(valueOf(metrics, "checks_failed", "matches"))} checks failed`, latency];
  }
  const failed = valueOf(metrics, "http_req_failed{load:yes}", "matches");
  return [
    `${count(settings.rate)}/s for ${count(settings.durationSeconds)} s`,
    latency,
    `${count(failed)} failed, ${count(dropped(metrics))} dropped`,
  ];
}

function held(record: LoadRecord): string[] {
  const steps = triedSteps(record);
  const best = heldStep(steps);
  const broken = steps.find(({ broke }) => broke.length > 0);
  const holds =
    best === undefined
      ? "no rate held"
      : `${count(best.rate)}/s held for ${record.settings.stepSeconds} s with p95 ${inMs(best.p95Ms)}`;
  return broken === undefined
    ? [`${holds}, and nothing higher was tried`]
    : [holds, `${count(broken.rate)}/s did not: ${broken.broke.join(", ")}`];
}

/** What is wrong in the books; nothing when every order is found and the stock is right to the piece. */
function errorsInBooks(metrics: Metrics): string[] {
  const errors: [string, number][] = [
    ["ORDERS LOST", Math.max(0, valueOf(metrics, "orders_lost", "count"))],
    ["ORDERS THAT NOBODY SENT", Math.max(0, valueOf(metrics, "orders_surplus", "count"))],
    ["ORDERS REJECTED", valueOf(metrics, "orders_rejected", "count")],
    ["ORDERS STILL PENDING", valueOf(metrics, "pending_left", "count")],
    ["PRODUCTS WHOSE STOCK DOES NOT ADD UP", valueOf(metrics, "stock_mismatch", "count")],
  ];
  return errors.flatMap(([what, number]) => (number > 0 ? [`${count(number)} ${what}`] : []));
}

/** Sent, and neither answered 201 nor refused: whether they were placed, only the shop knows. */
function unanswered({ script, metrics }: LoadRecord): string[] {
  const both = ["orders_lost", "orders_surplus"].map((name) => valueOf(metrics, name, "count"));
  const number = -both.reduce((sum, value) => sum + value, 0);
  const why = script === "orders-max" ? "cut off by the stop" : "without an answer";
  return number > 0 ? [`${count(number)} orders ${why}`] : [];
}

export function booksAreRight({ metrics }: LoadRecord): boolean {
  return valueOf(metrics, "products_checked", "count") > 0 && errorsInBooks(metrics).length === 0;
}

function books(record: LoadRecord): string[] {
  const { metrics } = record;
  if (valueOf(metrics, "products_checked", "count") === 0) return ["BOOKS NOT CHECKED"];
  const errors = errorsInBooks(metrics);
  const drained = valueOf(metrics, "drain_time", "max") / 1000;
  const isDrained = valueOf(metrics, "pending_left", "count") === 0;
  return [
    ...(isDrained ? [`drained in ${drained.toFixed(drained < 0.1 ? 2 : 1)} s`] : []),
    ...unanswered(record),
    ...(errors.length > 0 ? errors : ["stock adds up"]),
  ];
}

/** The run in one line for a person. */
export function lineOf(record: LoadRecord): string {
  const { script, metrics } = record;
  if (valueOf(metrics, "iterations", "count") === 0) return `${script}: nothing was sent`;
  const toDone = percentiles(metrics, "order_to_done", { med: "p50", p95: "p95" }).join(" ");
  return `${script}: ${[...load(record), `order to done ${toDone}`, ...books(record)].join(" · ")}`;
}
