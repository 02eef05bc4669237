import { EXIT, parseOptions, wholeNumber, type Command } from "../command.ts";
import { ask } from "../connections.ts";
import { counted, print } from "../output.ts";
import { compareBooks, KINDS, type Differences, type Entry, type Kind } from "./compare-books.ts";

const LIMIT = 50;
const MOST_LIMIT = 1_000_000;

const USAGE = `npm run orders:compare -- [options]
  --limit N  list at most so many of each kind, the oldest first (${LIMIT}; at most ${MOST_LIMIT}); all are counted
It compares order-service's orders with product-service's stock movements, and changes nothing. The shop may run meanwhile.
It asks what npm start runs here, or ORDER_DATABASE_URL and PRODUCT_DATABASE_URL.
Exit code: 0 nothing differs, 1 something does, 2 wrong usage or a database cannot be asked.`;

const HEADINGS: Readonly<Record<Kind, string>> = {
  "no-movement": "the order has an outcome but no movement: its pieces are in the stock again",
  "no-order": "the movement has no order: its pieces have left the stock",
  disagree: "the order's outcome is not the decision",
};

/** What differs between the two databases, as after a restore of one of them. */
export const ordersCompare: Command = async (args, { addresses, stop }) => {
  const { values } = parseOptions(
    args,
    {
      options: {
        limit: { type: "string", default: String(LIMIT) },
        help: { type: "boolean", default: false },
      },
    },
    USAGE,
  );
  if (values.help) {
    print(USAGE);
    return EXIT.ok;
  }
  const limit = wholeNumber(["--limit", values.limit], { least: 1, most: MOST_LIMIT }, USAGE);
  const asked = await ask(() => compareBooks(addresses, { limit, stop }));
  if (stop.aborted) return EXIT.stopped;
  if ("failure" in asked) {
    print(`The databases cannot be compared: ${asked.failure}.`);
    print("Are both up, and are ORDER_DATABASE_URL and PRODUCT_DATABASE_URL the right ones?");
    return EXIT.failed;
  }
  const { orders, movements, found } = asked.answer;
  print(`${counted(orders, "order")} and ${counted(movements, "movement")} compared.`);
  for (const kind of KINDS) printKind(kind, found[kind]);
  const differs = KINDS.some((kind) => found[kind].count > 0);
  print(differs ? "\nNext: docs/operations.md#backups-and-restoring" : "Nothing differs.");
  return differs ? EXIT.found : EXIT.ok;
};

function printKind(kind: Kind, { count, pieces, first }: Differences): void {
  if (count === 0) return;
  print(`\n${kind}: ${counted(count, "order")}, ${counted(pieces, "piece")} (${HEADINGS[kind]})`);
  for (const { id, order, movement } of first)
    print(`  ${id}  ${describe("order", order)}, ${describe("movement", movement)}`);
  if (count > first.length) print(`  … and ${count - first.length} more (--limit ${count})`);
}

function describe(name: string, entry: Entry | undefined): string {
  if (!entry) return `no ${name}`;
  const { productId, qty, status, reason } = entry;
  return `${name}: ${qty} of product ${productId} ${reason ?? status}`;
}
