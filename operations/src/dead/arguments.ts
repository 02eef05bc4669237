import { parseArgs } from "node:util";
import { WORK_QUEUES, type WorkQueue } from "@shop/contracts/topology";
import { UsageError } from "../command.ts";

const LIMIT = 20;
const MOST_LIMIT = 500_000;

export const USAGE = `npm run dead-letters -- <what> [options]
  list [--limit N]     how many are dead, and the first of each queue (${LIMIT})
  show ID [--full]     one of them, headers and body (all of the body)
  replay ID…|--all     puts them back on the queue that they died from
  discard ID…|--all --yes
                       takes them out; they are kept in a file under .local-stack/discarded
  --queue Q            one dead queue only: ${WORK_QUEUES.map(({ deadQueue }) => deadQueue).join(" or ")}
It works on the broker that npm start runs here, or on RABBITMQ_URL.
Exit code: 0 done, 1 an ID was not found, 2 wrong usage or the broker can't be asked.`;

const ACTIONS = ["list", "show", "replay", "discard"] as const;
/** Beside --queue, which all of them take. */
const OPTIONS: Readonly<Record<(typeof ACTIONS)[number], readonly string[]>> = {
  list: ["limit"],
  show: ["full"],
  replay: ["all"],
  discard: ["all", "yes"],
};

export interface DeadArguments {
  readonly action: (typeof ACTIONS)[number] | "help";
  readonly ids: readonly string[];
  readonly all: boolean;
  readonly full: boolean;
  readonly limit: number;
  readonly queues: readonly WorkQueue[];
}

export function readDeadArguments(args: readonly string[]): DeadArguments {
  const { values, positionals } = parsed(args);
  const [what, ...ids] = positionals;
  const action = values.help ? "help" : ACTIONS.find((known) => known === what);
  if (action === undefined) throw wrong(`Say what to do: ${ACTIONS.join(", ")}.`);
  const { all = false, full = false, yes = false, limit = String(LIMIT) } = values;
  const complaint = complaintOf(action, ids, { all, yes, given: Object.keys(values) });
  if (complaint !== undefined) throw wrong(complaint);
  return { action, ids, all, full, limit: limitOf(limit), queues: queuesOf(values.queue) };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        all: { type: "boolean" },
        full: { type: "boolean" },
        yes: { type: "boolean" },
        help: { type: "boolean" },
        limit: { type: "string" },
        queue: { type: "string" },
      },
    });
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

function complaintOf(
  action: DeadArguments["action"],
  ids: readonly string[],
  { all, yes, given }: { all: boolean; yes: boolean; given: readonly string[] },
): string | undefined {
  if (action === "help") return undefined;
  const strange = given.find((name) => name !== "queue" && !OPTIONS[action].includes(name));
  if (strange !== undefined) return `${action} takes no --${strange}.`;
  if (action === "list") return ids.length > 0 ? "list takes no IDs; show does." : undefined;
  if (action === "show") return ids.length === 1 ? undefined : "show takes one ID.";
  if (ids.length > 0 === all) return `${action} takes IDs, or --all: one of the two.`;
  return action === "discard" && !yes
    ? "discard takes messages out for good: say --yes to mean it."
    : undefined;
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= MOST_LIMIT) return limit;
  throw wrong(`--limit must be a whole number from 1 to ${MOST_LIMIT}, not "${text}".`);
}

function queuesOf(name: string | undefined): readonly WorkQueue[] {
  if (name === undefined) return WORK_QUEUES;
  const found = WORK_QUEUES.filter((queue) => queue.deadQueue === name || queue.name === name);
  if (found.length === 0) throw wrong(`There is no dead queue ${name}.`);
  return found;
}

const wrong = (message: string): UsageError => new UsageError(`${message}\n\n${USAGE}`);
