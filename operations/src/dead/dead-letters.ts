import { join } from "node:path";
import { CHECKOUT, stateFolder } from "local-stack/terminal/checkout";
import { STOPPED, WRONG_OR_UNASKED } from "local-stack/terminal/exit-codes";
import { say } from "local-stack/terminal/say";
import { foundAddresses, type Addresses } from "../addresses.ts";
import { ask } from "../asked.ts";
import { withBroker } from "../broker.ts";
import { readDeadArguments, USAGE } from "./arguments.ts";
import { Choice } from "./choice.ts";
import { discardDead } from "./discard.ts";
import { listDead } from "./list.ts";
import { replayDead } from "./replay.ts";
import { showDead } from "./show.ts";

const DISCARDED = join(stateFolder(CHECKOUT), "discarded");

export const deadLettersCommand = (args: readonly string[], stop: AbortSignal): Promise<number> =>
  deadLetters(args, { addresses: foundAddresses, folder: DISCARDED, stop });

export interface DeadLettersPlace {
  readonly addresses: Pick<Addresses, "rabbitmq">;
  /** Where the discarded ones are kept. */
  readonly folder: string;
  readonly stop: AbortSignal;
}

/** Hands back the exit code. */
export async function deadLetters(
  args: readonly string[],
  { addresses, folder, stop }: DeadLettersPlace,
): Promise<number> {
  const { action, ids, all, full, limit, queues } = readDeadArguments(args);
  if (action === "help") {
    say(USAGE);
    return 0;
  }
  const url = addresses.rabbitmq;
  const asked = await ask(() =>
    withBroker(url, async (session) => {
      if (action === "list") return listDead(session, queues, { limit, stop });
      if (action === "show") return showDead(session, queues, { id: ids[0]!, full, stop });
      const choice = new Choice(all, ids);
      if (action === "replay") return replayDead(session, queues, { choice, stop });
      return discardDead(session, queues, { choice, folder, stop });
    }),
  );
  if (stop.aborted) return STOPPED;
  if ("told" in asked) return asked.told;
  say(`The broker at ${new URL(url).host} failed: ${asked.unasked}.`);
  say(
    "Is it running, and is RABBITMQ_URL (or npm start) the one you mean? What was not done is where it was.",
  );
  return WRONG_OR_UNASKED;
}
