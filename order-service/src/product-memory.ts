/** Enough for the products that sell; the least recently used go first. */
const MAX_PRODUCTS = 10_000;

export interface KnownProduct {
  readonly id: number;
  readonly version: number;
  /** `null`: the product is not on sale any more. */
  readonly priceCents: number | null;
  readonly asOf: number;
}

/** The products that this process has seen lately. A newer version is never replaced by an older one. */
export class ProductMemory {
  private readonly products = new Map<number, KnownProduct>();

  get(id: number, oldestMs: number): KnownProduct | undefined {
    const known = this.products.get(id);
    return known && known.asOf >= Date.now() - oldestMs ? known : undefined;
  }

  /** Gives back what is known now: the given one, or a newer one. */
  put(product: KnownProduct): KnownProduct {
    const known = this.products.get(product.id);
    if (known && isNewer(known, product)) return known;
    // Deleted first, so that it goes to the end: the first key is the one that was put the longest ago.
    this.products.delete(product.id);
    this.products.set(product.id, product);
    if (this.products.size > MAX_PRODUCTS) this.products.delete(this.products.keys().next().value!);
    return product;
  }

  /** What product-service does not know: gone, with the last version that was seen here. */
  gone(id: number): KnownProduct {
    return { id, version: this.products.get(id)?.version ?? 0, priceCents: null, asOf: Date.now() };
  }
}

const isNewer = (a: KnownProduct, b: KnownProduct): boolean =>
  a.version > b.version || (a.version === b.version && a.asOf > b.asOf);
