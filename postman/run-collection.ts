import { fileURLToPath } from "node:url";
import newman, { type RunOptions, type Summary } from "newman";

const RUN_TIMEOUT_MS = 180_000;
const ANSWER_TIMEOUT_MS = 15_000;
const SCRIPT_TIMEOUT_MS = 15_000;

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export const COLLECTION = file("order-system.postman_collection.json");
const ENVIRONMENT = file("local.postman_environment.json");

export interface CollectionRun {
  collection: string | object;
  /** Where the gateway is, without a slash at the end. */
  url: string;
  token?: string | undefined;
  /** Prints newman's report. */
  report: boolean;
}

export interface Outcome {
  requests: number;
  assertions: number;
  /** Everything that keeps the run from being a success. */
  problems: string[];
}

export async function runCollection({
  collection,
  url,
  token = "",
  report,
}: CollectionRun): Promise<Outcome> {
  const { collection: whole, run } = await runNewman({
    collection,
    environment: ENVIRONMENT,
    envVar: [
      { key: "baseUrl", value: url },
      { key: "token", value: token },
    ],
    reporters: report ? ["cli"] : [],
    timeout: RUN_TIMEOUT_MS,
    timeoutRequest: ANSWER_TIMEOUT_MS,
    timeoutScript: SCRIPT_TIMEOUT_MS,
  });
  const assertions = run.stats.assertions.total;
  const problems = run.failures.map(
    ({ source, error }) => `${source?.name ?? "the run"}: ${error.test ?? ""} ${error.message}`,
  );
  problems.push(...neverSent(whole, run));
  if (assertions === 0) problems.push("No test ran.");
  return { requests: run.stats.requests.total, assertions, problems };
}

function runNewman(options: RunOptions): Promise<Summary> {
  return new Promise((resolve, reject) => {
    newman.run(options, (error, summary) => (error ? reject(error) : resolve(summary)));
  });
}

/** A script that names a wrong next request ends the run early, and newman calls that a success. */
function neverSent(collection: Summary["collection"], run: Summary["run"]): string[] {
  const sent = new Set(run.executions.map(({ item }) => item.id));
  const left: string[] = [];
  collection.forEachItem(({ id, name }) => {
    if (!sent.has(id)) left.push(`${name}: was never sent`);
  });
  return left;
}
