import type { EventType } from "@shop/contracts/event";
import { earlierDeliveries, type Delivery } from "./delivery.ts";

/** A message that came back so often may be what kills the process. */
const SUSPECT_DELIVERIES = 3;
/** By the times that it came back beyond that; then it is alone. */
const GROUPS = [30, 5];

/**
 * How many of these are handled together. All that a killed process held comes back, a thousand at a time, and is suspect with the
 * one that killed it, if there is one. So they are taken in ever smaller groups: alone at once, they would take longer than the
 * process has to live.
 */
export function mostTogether(deliveries: readonly Delivery<EventType>[]): number {
  const most = Math.max(0, ...deliveries.map(({ message }) => earlierDeliveries(message)));
  if (most < SUSPECT_DELIVERIES) return Math.max(1, deliveries.length);
  return GROUPS[most - SUSPECT_DELIVERIES] ?? 1;
}
