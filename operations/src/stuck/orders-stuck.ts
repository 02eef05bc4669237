import { STOPPED, WRONG_OR_UNASKED } from "local-stack/terminal/exit-codes";
import { say } from "local-stack/terminal/say";
import { foundAddresses, type Addresses } from "../addresses.ts";
import { ask } from "../asked.ts";
import { readStuckArguments, USAGE } from "./arguments.ts";
import { askOrders, askTheRest } from "./facts.ts";
import { tellPeople, tellPrograms } from "./report.ts";

export const ordersStuckCommand = async (
  args: readonly string[],
  stop: AbortSignal,
): Promise<number> => {
  const code = await ordersStuck(args, foundAddresses);
  return stop.aborted ? STOPPED : code;
};

/** Which orders have been pending for too long, and why. Changes nothing but the order of dead messages. Hands back the exit code. */
export async function ordersStuck(args: readonly string[], addresses: Addresses): Promise<number> {
  const wanted = readStuckArguments(args);
  if (wanted.help) {
    say(USAGE);
    return 0;
  }
  const orders = await ask(() => askOrders(addresses.orderDb, wanted));
  if ("unasked" in orders) {
    say(`The orders can't be asked: ${orders.unasked}.`);
    say(
      "Is order-service's database up, and is ORDER_DATABASE_URL (or npm start) the one you mean?",
    );
    return WRONG_OR_UNASKED;
  }
  const facts = await askTheRest(orders.told, addresses);
  if (wanted.json) tellPrograms(facts, wanted);
  else tellPeople(facts, wanted);
  return facts.orders.count > 0 ? 1 : 0;
}
