import { parseArgs } from "node:util";
import { STOPPED, WRONG_OR_UNASKED } from "local-stack/terminal/exit-codes";
import { say } from "local-stack/terminal/say";
import { foundAddresses, type Addresses } from "../addresses.ts";
import { ask } from "../asked.ts";
import { UsageError } from "../command.ts";
import { counted } from "../words.ts";
import type { Entry } from "./books.sql.ts";
import { compareBooks, KINDS, type Kind } from "./compare-books.ts";

const LIMIT = 50;
const MOST_LIMIT = 1_000_000;

const USAGE = `npm run orders:compare -- [options]
  --limit N  list at most so many of each kind, the oldest first (${LIMIT}; at most ${MOST_LIMIT}); all are counted
It compares order-service's orders with product-service's stock movements, and changes nothing. The shop may run meanwhile.
It asks what npm start runs here, or ORDER_DATABASE_URL and PRODUCT_DATABASE_URL.
Exit code: 0 nothing differs, 1 something does, 2 wrong usage or a database can't be asked.`;

const HEADINGS: Readonly<Record<Kind, string>> = {
  "no-movement": "settled without a movement: their pieces are in the stock again",
  "no-order": "movements without an order: their pieces have left the stock",
  disagree: "settled otherwise than decided",
};

export const ordersCompareCommand = (args: readonly string[], stop: AbortSignal): Promise<number> =>
  ordersCompare(args, foundAddresses, stop);

/** What differs between the two databases, as after a restore of one of them. Hands back the exit code. */
export async function ordersCompare(
  args: readonly string[],
  addresses: Pick<Addresses, "orderDb" | "productDb">,
  stop: AbortSignal,
): Promise<number> {
  const { limit, help } = readArguments(args);
  if (help) {
    say(USAGE);
    return 0;
  }
  const asked = await ask(() => compareBooks(addresses, { limit, stop }));
  if (stop.aborted) return STOPPED;
  if ("unasked" in asked) {
    say(`The databases can't be compared: ${asked.unasked}.`);
    say("Are both up, and are ORDER_DATABASE_URL and PRODUCT_DATABASE_URL the ones you mean?");
    return WRONG_OR_UNASKED;
  }
  const { orders, movements, found } = asked.told;
  say(`${counted(orders, "order")} and ${counted(movements, "movement")} compared.`);
  for (const kind of KINDS) {
    const { count, pieces, first } = found[kind];
    if (count === 0) continue;
    say(`\n${kind}: ${counted(count, "order")}, ${counted(pieces, "piece")} (${HEADINGS[kind]})`);
    for (const { id, order, movement } of first)
      say(`  ${id}  ${inWords("order", order)}, ${inWords("movement", movement)}`);
    if (count > first.length) say(`  … and ${count - first.length} more (--limit ${count})`);
  }
  const differs = KINDS.some((kind) => found[kind].count > 0);
  say(differs ? "\nNext: docs/operations.md#backups-and-restoring" : "Nothing differs.");
  return differs ? 1 : 0;
}

function inWords(name: string, entry: Entry | undefined): string {
  if (!entry) return `no ${name}`;
  const { productId, qty, status, reason } = entry;
  return `${name}: ${qty} of product ${productId} ${reason ?? status}`;
}

function readArguments(args: readonly string[]): { limit: number; help: boolean } {
  try {
    const { limit, help } = parseArgs({
      args: [...args],
      options: {
        limit: { type: "string", default: String(LIMIT) },
        help: { type: "boolean", default: false },
      },
    }).values;
    const most = Number(limit);
    if (/^\d+$/.test(limit) && most >= 1 && most <= MOST_LIMIT) return { limit: most, help };
    throw new Error(`--limit must be a whole number from 1 to ${MOST_LIMIT}, not "${limit}".`);
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
}
