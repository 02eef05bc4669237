import { z } from "zod";

export const MAX_PRICE = 9_999_999.99;

/** Amounts are decimals outside and integer cents inside; nothing calculates with decimals. */
export const toCents = (amount: number): number => Math.round(amount * 100);
export const fromCents = (cents: number): number => cents / 100;

// `multipleOf(0.01)` would let 0.30000000000000004 through.
export const price = z
  .number("must be a number")
  .min(0, "must be 0 or more")
  .max(MAX_PRICE, `must be ${MAX_PRICE} or less`)
  .refine((value) => fromCents(toCents(value)) === value, "must have at most 2 decimals")
  .meta({
    id: "Price",
    description: "A decimal amount with at most 2 decimals",
    examples: [19.99],
  });
