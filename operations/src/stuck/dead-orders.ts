import { WORK_QUEUES } from "@shop/contracts/topology";
import { withBroker } from "../broker.ts";
import { goThrough, NONE } from "../dead/go-through.ts";
import { readLetter } from "../dead/letter.ts";

/** Of each dead queue. Further back somebody has to look with `npm run dead-letters`. */
export const DEAD_LOOKED_AT = 1_000;

/** By order: the dead queue that has one of its messages, and that message's id. */
export type DeadOrders = ReadonlyMap<string, { readonly queue: string; readonly id: string }>;

/** Looks through the dead queues for messages about these orders, and leaves all of them there. */
export function findDeadOrders(url: string, orderIds: ReadonlySet<string>): Promise<DeadOrders> {
  return withBroker(url, async (session) => {
    const found = new Map<string, { queue: string; id: string }>();
    for (const queue of orderIds.size > 0 ? WORK_QUEUES : []) {
      await goThrough(session, {
        queue: queue.deadQueue,
        most: DEAD_LOOKED_AT,
        work: async (window) => {
          for (const message of window) {
            const { id, orderId } = readLetter(message, queue);
            const wanted = orderId !== undefined && orderIds.has(orderId);
            if (wanted) found.set(orderId, { queue: queue.deadQueue, id });
          }
          return NONE;
        },
      });
    }
    return found;
  });
}
