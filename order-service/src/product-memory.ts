import { z } from "zod";

/** Enough for the products that sell; the least recently used go first. */
const MAX_PRODUCTS = 10_000;

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
}

/** The products that this process has seen lately. A newer version is never replaced by an older one. */
export class ProductMemory {
  private readonly products = new Map<number, Remembered>();

  /** What was put here at most `rememberedMs` ago, and was so at product-service at most `ageMs` ago. */
  get(id: number, limits: { rememberedMs: number; ageMs: number }): KnownProduct | undefined {
    const known = this.products.get(id);
    const now = Date.now();
    if (!known || known.since < now - limits.rememberedMs) return undefined;
    return known.product.asOf >= now - limits.ageMs ? known.product : undefined;
  }

  /** Gives back what is known now: the given one, or a newer one. */
  put(product: KnownProduct): KnownProduct {
    const known = this.products.get(product.id)?.product;
    const best = known && isNewer(known, product) ? known : product;
    // Deleted first, so that it goes to the end: the first key is the one that was put the longest ago.
    this.products.delete(product.id);
    this.products.set(product.id, { product: best, since: Date.now() });
    if (this.products.size > MAX_PRODUCTS) this.products.delete(this.products.keys().next().value!);
    return best;
  }

  version(id: number): number | undefined {
    return this.products.get(id)?.product.version;
  }
}

const isNewer = (a: KnownProduct, b: KnownProduct): boolean =>
  a.version > b.version || (a.version === b.version && a.asOf > b.asOf);
