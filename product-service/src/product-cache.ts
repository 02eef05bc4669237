import { Injectable } from "@nestjs/common";
import type { Product } from "@shop/contracts/product";
import { RedisCache } from "@shop/service-kit/cache/redis-cache";

/** Bounds how long Redis may be wrong about anything that it missed. */
const TTL_MS = 5_000;
/** Entries do not expire in step. */
const TTL_JITTER_MS = 500;

/** A product as it is answered: the very text, and the version in it. */
export interface ProductText {
  readonly version: number;
  readonly text: string;
}

const keyOf = (id: number): string => `product:${id}`;
const ttl = (): number => TTL_MS - Math.floor(Math.random() * TTL_JITTER_MS);

/**
 * `product:{id}` in Redis. A newer version is never overwritten by an older one, and a deleted product leaves a tombstone with
 * its last version, so a reader that was slow can't bring back what is gone.
 */
@Injectable()
export class ProductCache {
  constructor(private readonly redis: RedisCache) {}

  async read(id: number): Promise<ProductText | "deleted" | undefined> {
    const text = await this.redis.ask((client) => client.get(keyOf(id)));
    if (!text) return undefined;
    const { version, deleted } = JSON.parse(text) as { version: number; deleted?: true };
    return deleted ? "deleted" : { version, text };
  }

  async store(products: readonly (ProductText & { readonly id: number })[]): Promise<void> {
    await this.redis.ask((client) =>
      Promise.all(
        products.map((product) => client.storeVersioned(keyOf(product.id), product, ttl())),
      ),
    );
  }

  async bury(id: number, version: number): Promise<void> {
    const text = JSON.stringify({ id, version, deleted: true });
    await this.redis.ask((client) => client.storeVersioned(keyOf(id), { version, text }, ttl()));
  }
}

export const toText = (product: Product): ProductText & { readonly id: number } => ({
  id: product.id,
  version: product.version,
  text: JSON.stringify(product),
});
