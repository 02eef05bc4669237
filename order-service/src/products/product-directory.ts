import { PRODUCT_TYPES } from "@shop/contracts/topology";
import { ConsumeHints } from "@shop/service-kit/messaging/consumers";
import { Injectable } from "@nestjs/common";
import type { EventOf } from "@shop/contracts/event";
import { toCents } from "@shop/contracts/money";
import type { Product } from "@shop/contracts/product";
import { RedisCache } from "@shop/service-kit/cache/redis-cache";
import { SingleFlight } from "@shop/service-kit/async/single-flight";
import { ProductClient } from "./product-client.ts";
import { FRESH_MS, parseKnownProduct, ProductMemory, type KnownProduct } from "./product-memory.ts";

/** How old a product may be while product-service can't answer. */
const USABLE_MS = 3_600_000;

const FRESH = { rememberedMs: 1_000, ageMs: FRESH_MS };
const USABLE = { rememberedMs: USABLE_MS, ageMs: USABLE_MS };

const keyOf = (id: number): string => `product:${id}`;

export interface Found {
  readonly product: KnownProduct;
  /** When product-service was asked for it, by `performance.now()`; 0 for what was known here. */
  readonly askedAt: number;
}

/**
 * Products as order-service knows them: memory (≤ 1 s old) → its Redis (≤ 5 s) → product-service. Product events refresh both.
 * What is older serves only while product-service can't answer.
 */
@Injectable()
export class ProductDirectory {
  private readonly memory = new ProductMemory();
  private readonly looks = new SingleFlight<number, Found>();
  private readonly questions = new SingleFlight<number, Found>();

  constructor(
    private readonly redis: RedisCache,
    private readonly client: ProductClient,
  ) {}

  /** What is known without asking Redis or product-service. */
  remembered(id: number): KnownProduct | undefined {
    return this.memory.get(id, FRESH);
  }

  async find(id: number): Promise<Found> {
    const known = this.remembered(id);
    if (known) return { product: known, askedAt: 0 };
    return this.looks.do(id, () => this.look(id));
  }

  /**
   * Asks product-service, whatever is known here: before a refusal that would rest on something cached. A question that was
   * asked before this call does not do: its answer may be older than what the caller has seen.
   */
  ask(id: number): Promise<Found> {
    return this.questions.doAfter(id, () => this.request(id));
  }

  /** A product event. Not waited for: it is a hint, and decides for as long as anything that is known here and no longer. */
  @ConsumeHints("order-service.products", PRODUCT_TYPES)
  learn(event: EventOf<"product.created" | "product.updated" | "product.deleted">): void {
    // It may have waited on its way; a clock that is ahead makes nothing younger than now.
    const asOf = Math.min(Date.now(), Date.parse(event.occurredAt));
    const product: KnownProduct =
      event.type === "product.deleted"
        ? { ...event.data, priceCents: null, asOf }
        : toKnown(event.data, asOf);
    this.memory.putEvent(product);
    void this.store(product);
  }

  private async look(id: number): Promise<Found> {
    const stored = await this.stored(id);
    const known = stored && this.memory.putShared(stored);
    if (known) return { product: known, askedAt: 0 };
    return this.questions
      .do(id, () => this.request(id))
      .catch((error: unknown) => {
        const old = this.memory.get(id, USABLE);
        if (old) return { product: old, askedAt: 0 };
        throw error;
      });
  }

  private async request(id: number): Promise<Found> {
    const [askedAt, asOf] = [performance.now(), Date.now()];
    const answer = await this.client.get(id);
    if (!answer) return { product: await this.gone(id, asOf), askedAt };
    // An event may have brought something newer than the answer.
    const product = this.memory.putAnswer(toKnown(answer, asOf));
    await this.store(product);
    return { product, askedAt };
  }

  /** What was never known here is not remembered either: made-up ids must not push real products out. */
  private async gone(id: number, asOf: number): Promise<KnownProduct> {
    const version = this.memory.version(id);
    const gone = { id, version: version ?? 0, priceCents: null, asOf };
    if (version === undefined) return gone;
    const product = this.memory.putAnswer(gone);
    await this.store(product);
    return product;
  }

  private async stored(id: number): Promise<KnownProduct | undefined> {
    const text = await this.redis.ask((client) => client.get(keyOf(id)));
    return text ? parseKnownProduct(text) : undefined;
  }

  private async store(product: KnownProduct): Promise<void> {
    const { id, version, asOf } = product;
    await this.redis.send((client) =>
      client.storeVersioned([
        { key: keyOf(id), version, text: JSON.stringify(product), asOf, ttlMs: USABLE_MS },
      ]),
    );
  }
}

const toKnown = ({ id, version, price }: Product, asOf: number): KnownProduct => ({
  id,
  version,
  priceCents: toCents(price),
  asOf,
});
