/** Enough for the products that sell; the least recently used go first. */
const MAX_PRODUCTS = 10_000;

export interface KnownProduct {
  readonly id: number;
  readonly version: number;
  /** `null`: the product is not on sale any more. */
  readonly priceCents: number | null;
  readonly asOf: number;
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
