import { z } from "zod";
import { price } from "./money.ts";
import { decodeCursor, encodeCursor, page } from "./page.ts";

export const MAX_PRODUCT_ID = 2_147_483_647;
export const MAX_STOCK = 1_000_000_000;
export const MAX_NAME_CODE_POINTS = 200;

const nameRule = `must have 1 to ${MAX_NAME_CODE_POINTS} characters`;

/**
 * The rules below in one pattern, for those who read the schema: JSON Schema counts characters before trimming. Written in code
 * points, as JSON Schema reads it.
 */
const BLANK = "\\t-\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff";
const CONTROL = "\\u0000-\\u001f\\u007f-\\u009f";
const NAME_PATTERN =
  `^[${BLANK}]*[^${BLANK}${CONTROL}]` +
  `(?:[^${CONTROL}]{0,${MAX_NAME_CODE_POINTS - 2}}[^${BLANK}${CONTROL}])?[${BLANK}]*$`;

/** A code point is two units at most: text that is far too long is not taken apart. */
const hasFewCodePoints = (name: string): boolean =>
  name.length <= 2 * MAX_NAME_CODE_POINTS && Array.from(name).length <= MAX_NAME_CODE_POINTS;

// PostgreSQL can't store U+0000 or half a surrogate pair; other control characters break logs and terminals.
export const productName = z
  .string("must be a string")
  .trim()
  .min(1, nameRule)
  .refine(hasFewCodePoints, nameRule)
  .refine((name) => !/\p{Cc}/u.test(name), "must not hold control characters")
  .refine((name) => name.isWellFormed(), "must not hold lone surrogates")
  .meta({
    description: `1 to ${MAX_NAME_CODE_POINTS} characters after trimming, without control characters`,
    pattern: NAME_PATTERN,
    examples: ["Laptop Pro"],
  });

const idRule = `must be an integer from 1 to ${MAX_PRODUCT_ID}`;

export const productId = z
  .int(idRule)
  .min(1, idRule)
  .max(MAX_PRODUCT_ID, idRule)
  .meta({ examples: [26] });

/** The id as it stands in a path. */
export const productIdText = z
  .string()
  .regex(/^[1-9]\d{0,9}$/, idRule)
  .transform(Number)
  .refine((id) => id <= MAX_PRODUCT_ID, idRule);

const stockRule = `must be an integer from 0 to ${MAX_STOCK}`;

export const stock = z
  .int(stockRule)
  .min(0, stockRule)
  .max(MAX_STOCK, stockRule)
  .meta({ examples: [50] });

const bodyRule = "must be a JSON object";

export const createProductBody = z
  .strictObject({ name: productName, price, qty: stock }, bodyRule)
  .meta({ id: "CreateProduct" });
export type CreateProductBody = z.infer<typeof createProductBody>;

/** Without `qty` the stock stays as it is. */
export const replaceProductBody = z
  .strictObject({ name: productName, price, qty: stock.optional() }, bodyRule)
  .meta({ id: "ReplaceProduct" });
export type ReplaceProductBody = z.infer<typeof replaceProductBody>;

export const product = z
  .object({
    id: productId,
    name: z.string(),
    price,
    qty: stock,
    version: z
      .int()
      .min(1)
      .meta({ description: "Grows with every change; the ETag", examples: [1] }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Product" });
export type Product = z.infer<typeof product>;

export const productPage = page(product).meta({ id: "ProductPage" });

const CURSOR_KIND = "product";

export const productCursor = (id: number): string => encodeCursor(CURSOR_KIND, id);
export const productCursorPlace = (cursor: string): number =>
  // The range as well: beyond it the database would fail on the number.
  Number(decodeCursor(CURSOR_KIND, cursor, (place) => productIdText.safeParse(place).success));
