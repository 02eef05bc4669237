import { WORK_QUEUES, type WorkQueue } from "@shop/contracts/topology";
import { EXIT, parseOptions, UsageError, wholeNumber, type Command } from "../command.ts";
import { ask, withBroker } from "../connections.ts";
import { print } from "../output.ts";
import { discard } from "./discard.ts";
import { list, show } from "./look.ts";
import { Selection } from "./message.ts";
import { replay } from "./replay.ts";

const LIMIT = 20;
const MOST_LIMIT = 500_000;

const USAGE = `npm run dead-letters -- ACTION [options]
  list [--limit N]     how many dead-lettered messages there are, and the first of each queue (${LIMIT})
  show ID [--full]     one of them, headers and body (all of the body)
  replay ID…|--all     puts them back on their work queue
  discard ID…|--all --yes
                       removes them; they are kept in a file under .local-stack/discarded
  --queue Q            one queue only: ${WORK_QUEUES.map(({ deadQueue }) => deadQueue).join(" or ")}
It works on the broker that npm start runs here, or on RABBITMQ_URL.
Exit code: 0 done, 1 an ID was not found, 2 wrong usage or the broker cannot be asked.`;

const FLAG = { type: "boolean" } as const;
const TEXT = { type: "string" } as const;
const OPTIONS = {
  list: { limit: TEXT },
  show: { full: FLAG },
  replay: { all: FLAG },
  discard: { all: FLAG, yes: FLAG },
} as const;
type Action = keyof typeof OPTIONS;

interface Arguments {
  readonly action: Action;
  readonly ids: readonly string[];
  readonly full: boolean;
  readonly limit: number;
  readonly queues: readonly WorkQueue[];
}

/** Looks at dead-lettered messages, replays them or removes them. */
export const deadLetters: Command = async (args, { addresses, discarded, stop }) => {
  if (args.includes("--help")) {
    print(USAGE);
    return EXIT.ok;
  }
  const { action, ids, full, limit, queues } = readArguments(args);
  const url = addresses.rabbitmq;
  const asked = await ask(() =>
    withBroker(url, async (session) => {
      const selection = new Selection(ids);
      if (action === "list") await list(session, queues, { limit, stop });
      else if (action === "show") return show(session, queues, { id: ids[0]!, full, stop });
      else if (action === "replay") await replay(session, queues, { selection, stop });
      else await discard(session, queues, { selection, folder: discarded, stop });
      return selection.printMissing();
    }),
  );
  if ("answer" in asked) return asked.answer ? EXIT.ok : EXIT.found;
  print(`The broker at ${new URL(url).host} failed: ${asked.failure}.`);
  print(
    "Is it running, and is RABBITMQ_URL (or npm start) the right one? Nothing else was changed.",
  );
  return EXIT.failed;
};

function readArguments([name = "", ...rest]: readonly string[]): Arguments {
  const action = (Object.keys(OPTIONS) as Action[]).find((known) => known === name);
  if (!action) throw wrong(`Give an action: ${Object.keys(OPTIONS).join(", ")}.`);
  const { values, positionals: ids } = parseOptions(
    rest,
    { options: { ...OPTIONS[action], queue: TEXT }, allowPositionals: true },
    USAGE,
  );
  const {
    all,
    yes,
    full = false,
    limit = LIMIT,
    queue,
  } = values as Record<string, string> & {
    [flag in "all" | "yes" | "full"]?: boolean;
  };
  if (action === "list" && ids.length > 0) throw wrong("list takes no IDs; show does.");
  if (action === "show" && ids.length !== 1) throw wrong("show takes one ID.");
  const changes = action === "replay" || action === "discard";
  if (changes && ids.length > 0 === (all === true))
    throw wrong(`${action} takes IDs, or --all: one of the two.`);
  if (action === "discard" && !yes) throw wrong("discard removes messages: add --yes to confirm.");
  return {
    action,
    ids,
    full,
    limit: wholeNumber(["--limit", String(limit)], { least: 1, most: MOST_LIMIT }, USAGE),
    queues: queuesOf(queue),
  };
}

function queuesOf(name: string | undefined): readonly WorkQueue[] {
  if (name === undefined) return WORK_QUEUES;
  const found = WORK_QUEUES.filter((queue) => queue.deadQueue === name || queue.name === name);
  if (found.length === 0) throw wrong(`There is no dead-letter queue ${name}.`);
  return found;
}

const wrong = (message: string): UsageError => new UsageError(`${message}\n\n${USAGE}`);
