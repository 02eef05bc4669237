// Everything that the environment can set, read here alone. `k6 run -e RATE=500 …` or RATE=500 npm run load -- …

const UNIT_SECONDS = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** "90s", "1m30s" → seconds. */
function seconds(name, fallback) {
  const text = __ENV[name] || fallback;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw new Error(`${name} must be like 60s or 1m30s, not "${text}"`);
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNIT_SECONDS[unit], 0);
}

function positive(name, fallback) {
  const value = Number(__ENV[name] || fallback);
  if (!(value > 0)) throw new Error(`${name} must be a number above 0, not "${__ENV[name]}"`);
  return value;
}

const strict = __ENV.STRICT === "1";

export const settings = {
  baseUrl: (__ENV.BASE_URL || "http://localhost:4000").replace(/\/$/, ""),
  /** Requests per second at the top. */
  rate: positive("RATE", 1000),
  /** How long at the top. */
  durationSeconds: seconds("DURATION", "60s"),
  /** How long on the way there. */
  rampSeconds: seconds("RAMP", "10s"),
  /** How long an order that is followed may stay pending. */
  settleLimitSeconds: seconds("SETTLE_LIMIT", "60s"),
  /** How long orders may stay pending after the load. */
  drainLimitSeconds: seconds("DRAIN_LIMIT", "120s"),
  /** How many products share the orders; 1 is the hot product. */
  products: positive("PRODUCTS", 20),
  strict,
  p95Ms: positive("P95_MS", strict ? 10 : 100),
  p99Ms: positive("P99_MS", strict ? 30 : 300),
  doneP95Ms: positive("DONE_P95_MS", strict ? 100 : 500),
  // For orders-max.js alone.
  firstRate: positive("FIRST_RATE", 500),
  rateStep: positive("RATE_STEP", 250),
  lastRate: positive("LAST_RATE", 5000),
  stepSeconds: positive("STEP_SECONDS", 15),
};

export const token = __ENV.TOKEN;
