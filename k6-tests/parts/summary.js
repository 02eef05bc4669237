// handleSummary of every script: one line that says how fast it was, and whether every order and every piece is accounted for.
import { settings } from "./settings.js";

/** The first seconds at a new rate also have the leap, and are not judged. */
export const UNJUDGED_SECONDS = 2;
/** An order takes milliseconds; when it takes so long there is a queue, and at a steady rate a queue only grows. */
export const BACKLOG_P95_MS = 1000;
// Arrivals come at moments that k6 chooses: a step may be short of a few.
const WHOLE = 0.98;

/** `script` is the name of the file. */
export const summaryOf = (script) => (data) => ({
  stdout: `\n${summaryLine(script, metricsOf(data))}\n`,
});

/** k6 1 gives an object of metrics, k6 2 a list; "p(95)" and "p95" are the same, so are `passes` and `matches`. */
export function metricsOf({ metrics = {}, results }) {
  const named = results
    ? [...results.metrics, ...results.checks.metrics]
    : Object.entries(metrics).map(([name, { values }]) => ({ name, values }));
  const all = new Map(
    named.map(({ name, values }) => [
      name,
      Object.fromEntries(
        Object.entries(values).map(([key, value]) => [
          key === "passes" ? "matches" : key.replace(/^p\((.*)\)$/, "p$1"),
          value,
        ]),
      ),
    ]),
  );
  if (all.has("checks")) all.set("checks_failed", { matches: all.get("checks").fails });
  return all;
}

export function summaryLine(script, metrics) {
  if (valueOf(metrics, "iterations") === 0) return `${script}: nothing was sent`;
  const toDone = `order to done ${percentiles(metrics, "order_to_done")}`;
  return `${script}: ${[...speed(script, metrics), toDone, ...books(metrics)].join(" · ")}`;
}

const valueOf = (metrics, name, value = "count") => metrics.get(name)?.[value] ?? 0;
const whole = (value) => `${Math.round(value)}`.replaceAll(/\B(?=(\d{3})+$)/g, ",");
const inMs = (value) => `${value < 10 ? value.toFixed(1) : whole(value)} ms`;

/** Those that this k6 gives: k6 2 has no p99. */
const percentiles = (metrics, name) =>
  ["med", "p95", "p99"]
    .filter((key) => typeof metrics.get(name)?.[key] === "number")
    .map((key) => `${key === "med" ? "p50" : key} ${inMs(metrics.get(name)[key])}`)
    .join(" ");

function speed(script, metrics) {
  if (script === "orders-max") return heldRate(triedSteps(metrics));
  const latency = percentiles(metrics, "http_req_duration{load:yes}");
  if (script === "smoke") {
    return [`${whole(valueOf(metrics, "checks_failed", "matches"))} checks failed`, latency];
  }
  const failed = valueOf(metrics, "http_req_failed{load:yes}", "matches");
  // Of the scenarios that are the load; the few orders that are followed beside it are none of it.
  const dropped = [...metrics]
    .filter(([name]) => name.startsWith("dropped_iterations{"))
    .reduce((sum, [, { count = 0 }]) => sum + count, 0);
  return [
    `${whole(settings.rate)}/s for ${whole(settings.durationSeconds)} s`,
    latency,
    `${whole(failed)} failed, ${whole(dropped)} dropped`,
  ];
}

/** The rates that orders-max tried, rising, each with what is against it. */
function triedSteps(metrics) {
  const rates = [...metrics.keys()]
    .flatMap((name) => /^http_reqs\{step:(\d+)\}$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
  return rates.flatMap((rate) => {
    const of = (name, value) => valueOf(metrics, `${name}{step:${rate}}`, value);
    const sent = of("http_reqs", "count");
    if (sent === 0) return [];
    const p95Ms = of("http_req_duration", "p95");
    const failed = of("http_req_failed", "matches");
    const doneP95Ms = of("order_to_done", "p95");
    const against = [];
    if (p95Ms >= settings.p95Ms) against.push(`p95 ${whole(p95Ms)} ms`);
    if (failed > 0) against.push(`${whole(failed)} failed`);
    if (doneP95Ms >= BACKLOG_P95_MS) against.push(`orders wait ${whole(doneP95Ms)} ms`);
    const expected = rate * (settings.stepSeconds - UNJUDGED_SECONDS) * WHOLE;
    if (sent < expected && against.length === 0) against.push("not all could be sent in time");
    return [{ rate, p95Ms, against }];
  });
}

function heldRate(steps) {
  const first = steps.findIndex(({ against }) => against.length > 0);
  const best = first === -1 ? steps.at(-1) : steps[first - 1];
  const held = best
    ? `${whole(best.rate)}/s held for ${settings.stepSeconds} s with p95 ${inMs(best.p95Ms)}`
    : "no rate held";
  if (first === -1) return [`${held}, and nothing higher was tried`];
  return [held, `${whole(steps[first].rate)}/s did not: ${steps[first].against.join(", ")}`];
}

const ERRORS = {
  orders_lost: "ORDERS LOST",
  orders_surplus: "ORDERS NOT SENT BY THIS RUN",
  orders_rejected: "ORDERS REJECTED",
  pending_left: "ORDERS STILL PENDING",
  stock_mismatch: "PRODUCTS WHOSE STOCK DOES NOT ADD UP",
};

/** The thresholds of the same metrics decide about k6's exit code. */
function books(metrics) {
  if (valueOf(metrics, "products_checked") === 0) return ["BOOKS NOT CHECKED"];
  const errors = Object.entries(ERRORS)
    .filter(([name]) => valueOf(metrics, name) > 0)
    .map(([name, text]) => `${whole(valueOf(metrics, name))} ${text}`);
  const drained = valueOf(metrics, "drain_time", "max") / 1000;
  const unanswered = -(valueOf(metrics, "orders_lost") + valueOf(metrics, "orders_surplus"));
  return [
    ...(valueOf(metrics, "pending_left") === 0 ? [`drained in ${drained.toFixed(2)} s`] : []),
    // Neither answered 201 nor refused, as at the end of orders-max: they may have been placed or not.
    ...(unanswered > 0 ? [`${whole(unanswered)} orders without an answer`] : []),
    ...(errors.length > 0 ? errors : ["stock adds up"]),
  ];
}
