import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { becomeBatchWork } from "local-stack/launcher/batch-scheduling";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { STOPPED } from "local-stack/terminal/exit-codes";
import { say } from "local-stack/terminal/say";
import { writeWhole } from "local-stack/terminal/write-whole";
import { parseBenchArguments, type BenchArguments } from "./bench-arguments.ts";
import { DOCUMENT } from "./machine.ts";
import { bareServerRate } from "./yardstick.ts";
import {
  GATEWAY_SCENARIOS,
  withGatewayScenarios,
  type GatewayScenarioName,
} from "./gateway-alone.ts";
import { measure } from "./measure.ts";
import { withResult, yardstickLine } from "./report.ts";
import type { ScenarioRecord } from "./report.ts";
import { markdownTable } from "./report.ts";
import type { Scenario, Settings } from "./measure.ts";
import { withBigSystems } from "./system/big-systems.ts";
import {
  BIG_SCENARIOS,
  SYSTEM_SCENARIOS,
  type BigScenarioName,
  type SystemScenarioName,
} from "./system/scenarios.ts";
import { withSystemScenarios } from "./system/with-system-scenarios.ts";

const TITLES = { gateway: GATEWAY_SCENARIOS, system: SYSTEM_SCENARIOS, big: BIG_SCENARIOS };
const GROUPS = {
  gateway: Object.keys(GATEWAY_SCENARIOS) as GatewayScenarioName[],
  system: Object.keys(SYSTEM_SCENARIOS) as SystemScenarioName[],
  big: Object.keys(BIG_SCENARIOS) as BigScenarioName[],
};
const DEFAULTS: Record<keyof typeof GROUPS, Settings> = {
  gateway: { rounds: 7, seconds: 3 },
  system: { rounds: 3, seconds: 10 },
  big: { rounds: 3, seconds: 10 },
};

const among = <Name extends string>(names: readonly Name[], { names: wanted }: BenchArguments) =>
  names.filter((name) => wanted.includes(name));

type Use = (scenario: Scenario, settings: Settings, signal: AbortSignal) => Promise<void>;

async function run(wanted: BenchArguments, use: Use): Promise<number> {
  const settingsOf = (group: keyof typeof GROUPS): Settings => ({
    rounds: wanted.rounds ?? DEFAULTS[group].rounds,
    seconds: wanted.seconds ?? DEFAULTS[group].seconds,
  });
  const measuring =
    (settings: Settings) =>
    (scenario: Scenario, signal: AbortSignal): Promise<void> =>
      use(scenario, settings, signal);

  const gateway = among(GROUPS.gateway, wanted);
  const system = among(GROUPS.system, wanted);
  const big = among(GROUPS.big, wanted);
  const [alone, whole, filled] = [settingsOf("gateway"), settingsOf("system"), settingsOf("big")];
  if (gateway.length > 0) await withGatewayScenarios(gateway, alone.seconds, measuring(alone));
  if (system.length > 0) await withSystemScenarios(system, whole.seconds, measuring(whole));
  if (big.length > 0) await withBigSystems(big, filled.seconds, measuring(filled));
  return 0;
}

/** At once after each scenario: what is ended in the middle keeps what it has measured. */
function writeResult(record: ScenarioRecord): void {
  const path = join(CHECKOUT, DOCUMENT);
  const document = existsSync(path) ? readFileSync(path, "utf8") : "";
  writeWhole(path, withResult(document, record, Object.values(GROUPS).flat()));
  say(`Written to ${DOCUMENT}.`);
}

function list(): number {
  for (const [group, scenarios] of Object.entries(TITLES)) {
    say(`${group}${group === "big" ? " (with --big)" : ""}`);
    for (const [name, { title }] of Object.entries(scenarios)) say(`  ${name.padEnd(22)} ${title}`);
  }
  return 0;
}

async function main(): Promise<number> {
  const wanted = parseBenchArguments(process.argv.slice(3), GROUPS);
  if (wanted.list) return list();
  // Load, peers and systems alike: the load generator interrupts nobody whom it measures.
  becomeBatchWork();
  let stop: AbortSignal | undefined;
  let booksAreRight = true;
  try {
    const code = await run(wanted, async (scenario, settings, signal) => {
      stop = signal;
      const before = await bareServerRate(signal);
      const measured = await measure(scenario, settings, signal);
      const yardstick = { before, after: await bareServerRate(signal) };
      const record = { ...measured, yardstick };
      say(`\n${markdownTable(record)}`);
      if (record.details) say(`\n${markdownTable(record.details)}`);
      say(`\n${yardstickLine(yardstick)}`);
      for (const reason of record.leftOut) say(`Left out: ${reason}.`);
      if (wanted.write) writeResult(record);
      booksAreRight &&= record.rows.every(({ figures }) => (figures["mistakes"] ?? 0) === 0);
    });
    if (booksAreRight) return code;
    say("\nOrders were lost, doubled or oversold: see the mistakes in the books.");
    return 1;
  } catch (error) {
    if (stop?.aborted) return STOPPED;
    throw error;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
