import { randomUUIDv7 } from "node:crypto";
import { fromCents } from "@shop/contracts/money";
import { placeOrderBody, type Order, type PlaceOrderBody } from "@shop/contracts/order";
import { acceptRequestId, currentRequestId } from "@shop/service-kit/log/request-id";

/** The caller's key for one request, and what that request asked for. */
export interface IdempotencyClaim {
  readonly caller: string;
  readonly key: string;
  readonly fingerprint: string;
}

/** What is asked for, and by whom. */
export interface OrderRequest {
  readonly body: PlaceOrderBody;
  /** `null` where authentication is off. */
  readonly subject: string | null;
  readonly claim: IdempotencyClaim | undefined;
}

/** An order that is to be committed; its id stays the same however often that is tried. */
export interface NewOrder {
  readonly order: Order;
  readonly unitPriceCents: number;
  readonly requestId: string;
  readonly subject: string | null;
  readonly claim: IdempotencyClaim | undefined;
}

export function newOrder(
  { body: { productId, qty }, subject, claim }: OrderRequest,
  unitPriceCents: number,
): NewOrder {
  const now = new Date().toISOString();
  return {
    order: {
      id: randomUUIDv7(),
      productId,
      qty,
      unitPrice: fromCents(unitPriceCents),
      totalPrice: fromCents(unitPriceCents * qty),
      status: "pending",
      reason: null,
      createdAt: now,
      updatedAt: now,
    },
    unitPriceCents,
    requestId: acceptRequestId(currentRequestId()),
    subject,
    claim,
  };
}

const BODY_FIELDS = Object.keys(placeOrderBody.shape) as (keyof PlaceOrderBody)[];

/**
 * Every field of the schema, in its order: a body with any other value is another one. Keys live for a day, so a new field must not
 * change the text of bodies without it.
 */
export function fingerprintOf(body: PlaceOrderBody): string {
  const fields: Partial<Record<keyof PlaceOrderBody, unknown>> = {};
  for (const field of BODY_FIELDS) fields[field] = body[field];
  return JSON.stringify(fields);
}
