import { Injectable } from "@nestjs/common";
import { product, productId, type Product } from "@shop/contracts/product";
import { RedisCache, type RedisConnection } from "@shop/service-kit/cache/redis-cache";
import { z } from "zod";

/** Bounds how long Redis may be wrong after it has missed a change. */
const TTL_MS = 5_000;
/** Entries do not expire in step. */
const TTL_JITTER_MS = 500;

/** A product as it is sent to clients: the text itself, and the version in it. */
export interface ProductText {
  readonly version: number;
  readonly text: string;
}

type CachedProduct = ProductText & { readonly id: number };

const tombstone = z.object({ id: productId, version: z.int(), deleted: z.literal(true) });
const entrySchema = z.union([product, tombstone]);

const keyOf = (id: number): string => `product:${id}`;
const ttl = (): number => TTL_MS - Math.floor(Math.random() * TTL_JITTER_MS);

/**
 * `product:{id}` in Redis. A newer version is never overwritten by an older one, and a deleted product leaves a tombstone with its
 * last version, so a slow reader cannot bring it back.
 */
@Injectable()
export class ProductCache {
  constructor(private readonly redis: RedisCache) {}

  /** `undefined`: Redis has not answered. */
  async read(id: number): Promise<ProductText | "deleted" | "absent" | undefined> {
    const text = await this.redis.ask((client) => client.get(keyOf(id)));
    if (text === undefined) return undefined;
    const entry = text === null ? undefined : parse(text);
    if (text === null || !entry) return "absent";
    return "deleted" in entry ? "deleted" : { version: entry.version, text };
  }

  /** What a reader has found, and when it asked; no harm is done when it does not reach Redis. */
  async storeRead(found: CachedProduct, asOf: number): Promise<void> {
    await this.redis.ask(storing([found], asOf));
  }

  /** What a writer has committed. */
  async store(changed: readonly CachedProduct[]): Promise<void> {
    await this.redis.send(storing(changed));
  }

  async storeDeleted(id: number, version: number): Promise<void> {
    const text = JSON.stringify({ id, version, deleted: true } satisfies z.infer<typeof tombstone>);
    await this.redis.send(storing([{ id, version, text }]));
  }
}

/** What cannot be read (another release's, or written by hand) counts as a miss. */
function parse(text: string): z.infer<typeof entrySchema> | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const storing =
  (products: readonly CachedProduct[], asOf: number = Date.now()) =>
  (client: RedisConnection) =>
    client.storeVersioned(
      products.map(({ id, version, text }) => ({
        key: keyOf(id),
        version,
        text,
        asOf,
        ttlMs: ttl(),
      })),
    );

export const toText = (whole: Product): CachedProduct => ({
  id: whole.id,
  version: whole.version,
  text: JSON.stringify(whole),
});
