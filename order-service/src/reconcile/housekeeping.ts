import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { countWaiting } from "@shop/service-kit/outbox/outbox.sql";
import type { ServiceKit } from "@shop/service-kit/service-kit";
import type { Part } from "@shop/service-kit/run-service";
import { StoppableLoop } from "@shop/service-kit/async/stoppable-loop";
import { deleteOldKeys } from "../place/place.sql.ts";
import { countPendingFor } from "./pending.sql.ts";
import type { OrderSettings } from "../settings.ts";
import type { RepublishOrders } from "./republish-orders.ts";

/** Far more than is on its way under load. The sweeper looks through all of them, so this keeps its statement short as well. */
const MOST_WAITING = 10_000;
/** As many messages in the queue, and those who take them are busy for a while. */
const MOST_QUEUED = 5_000;
const PENDING_COUNTED_TO = 10_000;
const PRUNE_EVERY_MS = 600_000;
const PRUNE_BATCH = 5_000;
const AFTER_ERROR_MS = 5_000;
const UNTIL_CONNECTED_MS = 500;

/**
 * Paused while the broker is away, and after it until most is told: what is told then would only wait beside what waits already.
 * For the same reason paused while nobody takes what lies in the queue, or too much lies there.
 */
export function sweeping(
  kit: ServiceKit,
  republishOrders: RepublishOrders,
  settings: OrderSettings,
): Part {
  return loop(kit, "sweeper", async () => {
    if (!kit.publisher.available) return settings.sweepEveryMs;
    const waiting = await countWaiting(kit.database.sql, MOST_WAITING);
    if (waiting === MOST_WAITING || (await isQueued(kit))) return settings.sweepEveryMs;
    const count = await republishOrders.republish();
    if (count > 0) {
      kit.log.warn({ orders: count }, "told orders again that stayed pending too long");
    }
    return settings.sweepEveryMs;
  });
}

/** Not when the broker does not say: a queue that is gone is healed by telling again. */
async function isQueued({ publisher }: ServiceKit): Promise<boolean> {
  const look = await publisher.lookAt(ORDER_CREATED_QUEUE.name);
  if (!look) return false;
  const { messages, consumers } = look;
  return messages > (consumers === 0 ? 0 : MOST_QUEUED);
}

export function watchPending(kit: ServiceKit, { sweepAfterMs }: OrderSettings): void {
  kit.gaugeFromDatabase(
    "orders_pending_too_long",
    "Orders that have been pending for longer than the sweeper waits, counted up to 10,000",
    (sql) => countPendingFor(sql, { longerThanMs: sweepAfterMs, most: PENDING_COUNTED_TO }),
  );
}

export function pruning(kit: ServiceKit, { idempotencyKeepMs: keepMs }: OrderSettings): Part {
  return loop(kit, "pruning", async () => {
    const count = await deleteOldKeys(kit.database.sql, { keepMs, most: PRUNE_BATCH });
    return count === PRUNE_BATCH ? 0 : PRUNE_EVERY_MS;
  });
}

function loop({ log, database }: ServiceKit, name: string, turn: () => Promise<number>): Part {
  const whenConnected = (): Promise<number> =>
    database.connected ? turn() : Promise.resolve(UNTIL_CONNECTED_MS);
  const running = new StoppableLoop(whenConnected, (error) => {
    log.warn({ err: error, part: name }, "a background task failed and will be tried again");
    return AFTER_ERROR_MS;
  });
  return { name, start: () => running.start(), stop: () => running.stop() };
}
