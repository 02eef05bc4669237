// Looks for the highest rate of orders that holds: from FIRST_RATE in steps of RATE_STEP up to LAST_RATE, each for STEP_SECONDS.
// It stops at the first rate where p95 leaves P95_MS, a request fails, one cannot be sent in time, or orders wait for their outcome.
// That is how the search ends: k6 calls it a crossed threshold, and exits with 99. The last line says which rate was held.
import { checkBooks } from "./parts/books.js";
import { BOOKS_THRESHOLDS, common, followed as followedFor } from "./parts/options.js";
import { followUp, placeOrder } from "./parts/orders.js";
import { createProducts, inTurn } from "./parts/products.js";
import { currentScenario, loadTags } from "./parts/requests.js";
import { settings } from "./parts/settings.js";
import { BACKLOG_P95_MS, summaryOf, UNJUDGED_SECONDS } from "./parts/summary.js";

const { firstRate, lastRate, rateStep, stepSeconds, p95Ms } = settings;
const WORKERS = 500;

const rates = [];
for (let rate = firstRate; rate <= lastRate; rate += rateStep) rates.push(rate);

/** Only when it is over a rate is judged: one slow moment must not end the search. */
const judged = (threshold, step) => [
  { threshold, abortOnFail: true, delayAbortEval: `${(step + 1) * stepSeconds}s` },
];

const stepThresholds = (rate, step) => ({
  [`http_req_duration{step:${rate}}`]: judged(`p(95)<${p95Ms}`, step),
  [`http_req_failed{step:${rate}}`]: judged("rate==0", step),
  [`http_reqs{step:${rate}}`]: [],
  [`order_to_done{step:${rate}}`]: judged(`p(95)<${BACKLOG_P95_MS}`, step),
});

export const options = {
  ...common,
  scenarios: {
    orders: {
      executor: "ramping-arrival-rate",
      exec: "orders",
      startRate: firstRate,
      timeUnit: "1s",
      stages: rates.flatMap((target) => [
        { target, duration: "0s" },
        { target, duration: `${stepSeconds}s` },
      ]),
      preAllocatedVUs: WORKERS,
      maxVUs: WORKERS,
    },
    followed: followedFor(rates.length * stepSeconds),
  },
  thresholds: {
    ...Object.assign({}, ...rates.map(stepThresholds)),
    "dropped_iterations{scenario:orders}": [{ threshold: "count==0", abortOnFail: true }],
    ...BOOKS_THRESHOLDS,
  },
};

export const setup = () => createProducts();

/** The rate of this moment, when it has been there long enough to be judged. */
function stepTags() {
  const elapsedSeconds = (Date.now() - currentScenario().startTime) / 1000;
  const rate = rates[Math.floor(elapsedSeconds / stepSeconds)];
  const isJudged = rate !== undefined && elapsedSeconds % stepSeconds >= UNJUDGED_SECONDS;
  return isJudged ? { step: `${rate}` } : {};
}

export function orders({ products }) {
  const turn = currentScenario().iterationInTest;
  placeOrder(inTurn(products, turn).id, turn, {
    tags: { ...loadTags("POST /orders"), ...stepTags() },
    responseType: "none",
  });
}

export const followed = ({ products }) =>
  followUp(inTurn(products, currentScenario().iterationInTest).id, stepTags());

export const teardown = checkBooks;
export const handleSummary = summaryOf("orders-max");
