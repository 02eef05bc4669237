import { settings } from "./settings.js";

const FOLLOWED_PER_SECOND = 5;
// Above the requests' timeout: no request is cut off by the end of the load.
const GRACEFUL_STOP_SECONDS = 12;

/**
 * Requests in flight at most: at the full rate a stall of half a second fills them, and the next one is dropped. All are there
 * from the beginning: making one in the middle costs what is to be measured.
 */
function workers(rate) {
  const number = Math.max(50, Math.ceil(rate / 2));
  return { preAllocatedVUs: number, maxVUs: number };
}

/** Arrivals that do not wait for answers: rising to the rate, then steady there. */
export const arrivals = (exec, rate) => ({
  executor: "ramping-arrival-rate",
  exec,
  startRate: Math.ceil(rate / 10),
  timeUnit: "1s",
  stages: [
    { target: rate, duration: `${settings.rampSeconds}s` },
    { target: rate, duration: `${settings.durationSeconds}s` },
  ],
  gracefulStop: `${GRACEFUL_STOP_SECONDS}s`,
  ...workers(rate),
});

/** Beside every load a few orders are followed to their end; their own number is small, and bounded when they are slow. */
export const followed = (durationSeconds) => ({
  executor: "constant-arrival-rate",
  exec: "followed",
  rate: FOLLOWED_PER_SECOND,
  timeUnit: "1s",
  duration: `${durationSeconds}s`,
  preAllocatedVUs: 5,
  maxVUs: 20,
  gracefulStop: `${settings.settleLimitSeconds + GRACEFUL_STOP_SECONDS}s`,
});

export const BOOKS_THRESHOLDS = {
  orders_lost: ["count<=0"],
  orders_surplus: ["count<=0"],
  orders_rejected: ["count==0"],
  pending_left: ["count==0"],
  stock_mismatch: ["count==0"],
};

/** The first of each are what this shop promises to everybody; the others are what it asks of itself. */
const speedThresholds = () => ({
  "http_req_duration{load:yes}": [
    "p(95)<300",
    `p(95)<${settings.p95Ms}`,
    `p(99)<${settings.p99Ms}`,
  ],
  "http_req_failed{load:yes}": ["rate<0.01", settings.strict ? "rate==0" : "rate<0.001"],
  order_to_done: [`p(95)<${settings.doneP95Ms}`],
});

export const common = {
  discardResponseBodies: true,
  summaryTrendStats: ["avg", "min", "med", "p(90)", "p(95)", "p(99)", "max"],
  setupTimeout: "2m",
  teardownTimeout: "15m",
};

/** A load that is made of arrivals, with the orders that are followed beside it. */
export function loadOptions(scenarios) {
  const seconds = settings.rampSeconds + settings.durationSeconds;
  const dropped = Object.keys(scenarios).map((name) => [
    `dropped_iterations{scenario:${name}}`,
    ["count==0"],
  ]);
  return {
    ...common,
    scenarios: { ...scenarios, followed: followed(seconds) },
    thresholds: {
      ...speedThresholds(),
      ...Object.fromEntries(dropped),
      ...BOOKS_THRESHOLDS,
    },
  };
}
