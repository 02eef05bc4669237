import { VERSIONS_DECIDE_WITHIN_MS } from "@shop/service-kit/cache/cache-scripts";
import { z } from "zod";

/** Enough for the products that sell; the least recently used go first. */
const MAX_PRODUCTS = 10_000;
/** The bound of staleness: what was so longer ago decides nothing while product-service answers. */
export const FRESH_MS = 5_000;

const knownProduct = z.object({
  id: z.int(),
  version: z.int(),
  /** `null`: the product is not on sale any more. */
  priceCents: z.int().nullable(),
  asOf: z.number(),
});
export type KnownProduct = Readonly<z.infer<typeof knownProduct>>;

/** `undefined` for what is not ours: whatever stands in Redis must not fail an order. */
export function parseKnownProduct(text: string): KnownProduct | undefined {
  try {
    return knownProduct.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

interface Remembered {
  readonly product: KnownProduct;
  readonly since: number;
  /** When this process last had it from product-service itself; of what only Redis ever said, when that was so. */
  readonly confirmedAt: number;
}

/**
 * The products that this process has seen lately. What is known of one is never replaced by something older; which is older,
 * the version says between values of the same few seconds, and else their time.
 */
export class ProductMemory {
  private readonly products = new Map<number, Remembered>();

  /** What was put here at most `rememberedMs` ago, and was so at product-service at most `ageMs` ago. */
  get(id: number, limits: { rememberedMs: number; ageMs: number }): KnownProduct | undefined {
    const known = this.products.get(id);
    const now = Date.now();
    if (!known || known.since < now - limits.rememberedMs) return undefined;
    return known.product.asOf >= now - limits.ageMs ? known.product : undefined;
  }

  version(id: number): number | undefined {
    return this.products.get(id)?.product.version;
  }

  /** An event's product. Gives back what is known now: this one, or a newer one. */
  putEvent(product: KnownProduct): KnownProduct {
    const known = this.products.get(product.id)?.product;
    if (known && isNewer(known, product)) return known;
    const now = Date.now();
    return this.put({ product, since: now, confirmedAt: now });
  }

  /**
   * An answer to a question from `asOf`. What was known before that is replaced whatever its version, which may be from before
   * a restore, or forged; only an event that came meanwhile may be newer.
   */
  putAnswer(product: KnownProduct): KnownProduct {
    const known = this.products.get(product.id);
    const cameMeanwhile = known && known.confirmedAt >= product.asOf;
    if (cameMeanwhile && isNewer(known.product, product)) return known.product;
    return this.put({ product, since: Date.now(), confirmedAt: product.asOf });
  }

  /**
   * What stands in Redis. Gives it back where it may decide a price: within the bound of a product that is unknown here, or as
   * the same price that this process had from an event or an answer within the bound. So nothing rests on Redis alone for longer.
   */
  putShared(product: KnownProduct): KnownProduct | undefined {
    const now = Date.now();
    // From a clock that is ahead, or forged: it would count as new for longer than anything else.
    if (product.asOf > now) return undefined;
    const known = this.products.get(product.id);
    const best = known && isNewer(known.product, product) ? known.product : product;
    const isConfirmed =
      known &&
      known.confirmedAt >= now - FRESH_MS &&
      known.product.priceCents === product.priceCents;
    if (product.asOf >= now - FRESH_MS && (!known || isConfirmed))
      return this.put({
        product: best,
        since: now,
        confirmedAt: known?.confirmedAt ?? product.asOf,
      });
    // Not as if it had been put just now: it serves only while product-service cannot be asked.
    if (best === product) this.put({ product, since: now - FRESH_MS, confirmedAt: 0 });
    return undefined;
  }

  private put(remembered: Remembered): KnownProduct {
    const { product } = remembered;
    // Deleted first, so that it goes to the end: the first key is the one that was put the longest ago.
    this.products.delete(product.id);
    this.products.set(product.id, remembered);
    if (this.products.size > MAX_PRODUCTS) this.products.delete(this.products.keys().next().value!);
    return product;
  }
}

function isNewer(a: KnownProduct, b: KnownProduct): boolean {
  const versionsDecide = Math.abs(a.asOf - b.asOf) <= VERSIONS_DECIDE_WITHIN_MS;
  return versionsDecide && a.version !== b.version ? a.version > b.version : a.asOf > b.asOf;
}
