import { z } from "zod";
import { order, orderId, rejectionReason } from "./order.ts";
import { product, productId } from "./product.ts";
import { REQUEST_ID_PATTERN } from "./headers.ts";

/**
 * The events and their one envelope. Changes are additive only: consumers drop fields that they do not know, so an old
 * consumer takes a new producer's events. `version` counts the additive changes of a type and is not compared.
 */
const envelope = <T extends string, D extends z.ZodType>(type: T, data: D) =>
  z.object({
    id: z.uuid(),
    type: z.literal(type),
    version: z.int().min(1),
    occurredAt: z.iso.datetime(),
    requestId: z.string().regex(REQUEST_ID_PATTERN),
    data,
  });

export const productCreated = envelope("product.created", product);
export const productUpdated = envelope("product.updated", product);
export const productDeleted = envelope(
  "product.deleted",
  z.object({ id: productId, version: z.int().min(1) }),
);
export const orderCreated = envelope("order.created", order);
export const orderUpdated = envelope(
  "order.updated",
  z
    .object({
      orderId,
      productId,
      status: z.enum(["done", "rejected"]),
      reason: rejectionReason.nullable(),
      decidedAt: z.iso.datetime(),
    })
    .refine(
      ({ status, reason }) => (status === "rejected") === (reason !== null),
      "a reason belongs to a rejection, and only there",
    ),
);

export const EVENTS = {
  "product.created": productCreated,
  "product.updated": productUpdated,
  "product.deleted": productDeleted,
  "order.created": orderCreated,
  "order.updated": orderUpdated,
} as const;

export type EventType = keyof typeof EVENTS;
export type EventOf<T extends EventType> = z.infer<(typeof EVENTS)[T]>;
export type EventData<T extends EventType> = EventOf<T>["data"];

/** The version that our producers write today. */
export const EVENT_VERSION = 1;
