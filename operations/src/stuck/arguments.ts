import { parseArgs } from "node:util";
import { UsageError } from "../command.ts";

/** As long as the sweeper waits by itself (SWEEP_AFTER_MS). */
const OLDER_THAN_S = 30;
const LIMIT = 50;
const MOST_LIMIT = 1_000;
const MOST_SECONDS = 31_536_000;

export const USAGE = `npm run orders:stuck -- [options]
  --older-than SECONDS  pending for longer than this (${OLDER_THAN_S}, after which the sweeper tells an order again)
  --limit N             at most so many of them, the oldest first (${LIMIT}; at most ${MOST_LIMIT})
  --json                one JSON object on each line
It asks what npm start runs here, or ORDER_DATABASE_URL, PRODUCT_DATABASE_URL and RABBITMQ_URL.
Exit code: 0 nothing is stuck, 1 something is, 2 wrong usage or the orders can't be asked.`;

export interface StuckArguments {
  readonly olderThanS: number;
  readonly limit: number;
  readonly json: boolean;
  readonly help: boolean;
}

export function readStuckArguments(args: readonly string[]): StuckArguments {
  const { "older-than": olderThan, limit, json, help } = parsed(args);
  return {
    olderThanS: whole("--older-than", olderThan, { least: 0, most: MOST_SECONDS }),
    limit: whole("--limit", limit, { least: 1, most: MOST_LIMIT }),
    json,
    help,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        "older-than": { type: "string", default: String(OLDER_THAN_S) },
        limit: { type: "string", default: String(LIMIT) },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
}

function whole(name: string, text: string, { least, most }: { least: number; most: number }) {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(
    `${name} must be a whole number from ${least} to ${most}, not "${text}".\n\n${USAGE}`,
  );
}
