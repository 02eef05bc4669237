import { randomUUID } from "node:crypto";
import { Injectable } from "@nestjs/common";
import type { Order } from "@shop/contracts/order";
import { orderCursor, orderCursorPlace } from "@shop/contracts/order";
import { DEFAULT_LIMIT, type Page, type PageQuery } from "@shop/contracts/page";
import { RedisCache } from "@shop/service-kit/cache/redis-cache";
import { SingleFlight } from "@shop/service-kit/async/single-flight";
import { Database } from "@shop/service-kit/database/database";
import { listOrders, listOrdersOf } from "./order.sql.ts";

/** Bounds how long a list may be old when Redis has missed a change of it. */
const LIST_TTL_MS = 5_000;
/** Longer than any query takes, so a reader can't miss that there was a change. */
const TOKEN_TTL_MS = 60_000;

const keysOf = (productId: number) => ({
  list: `orders:product:${productId}`,
  token: `orders:product:${productId}:token`,
});

/**
 * A product's orders, newest first. The first page is cached as `orders:product:{id}`; smaller ones are cut from it. Writers
 * change a token after their commit, and a reader stores only what it read under the token that still stands.
 */
@Injectable()
export class OrderLists {
  private readonly loads = new SingleFlight<string, string>();

  constructor(
    private readonly database: Database,
    private readonly redis: RedisCache,
  ) {}

  /** The page as it is answered: what is stored is the very text, and most readers want all of it. */
  async read(productId: number, { limit, cursor }: PageQuery): Promise<string> {
    if (cursor !== undefined) return this.query(productId, limit, orderCursorPlace(cursor));
    if (limit > DEFAULT_LIMIT) return this.query(productId, limit, null);
    const text = await this.firstPage(productId);
    return limit === DEFAULT_LIMIT
      ? text
      : pageText((JSON.parse(text) as Page<Order>).items, limit);
  }

  /** One subject's orders only. Never from the cache, nor into it: what is there is for everybody. */
  async readOf(subject: string, productId: number, { limit, cursor }: PageQuery): Promise<string> {
    const before = cursor === undefined ? null : orderCursorPlace(cursor);
    const range = { productId, before, most: limit + 1 };
    return pageText(await listOrdersOf(this.database.sql, subject, range), limit);
  }

  /** Called after a commit and before its answer, so that the writer's next read shows what was written. */
  async invalidate(productIds: readonly number[]): Promise<void> {
    const lists = [...new Set(productIds)].map(keysOf);
    await this.redis.tell((client) => client.forgetLists(lists, randomUUID(), TOKEN_TTL_MS));
  }

  private async firstPage(productId: number): Promise<string> {
    const keys = keysOf(productId);
    const seen = await this.redis.ask((client) => client.mGet([keys.list, keys.token]));
    const [cached, token] = seen ?? [];
    if (cached && isPage(cached)) return cached;

    // A load that began under an older token may lack what its caller has just written, so it is not joined.
    return this.loads.do(`${productId} ${seen ? (token ?? "") : "no redis"}`, async () => {
      const text = await this.query(productId, DEFAULT_LIMIT, null);
      const read = { token: token ?? "", text };
      if (seen) await this.redis.ask((client) => client.storeIfUnchanged(keys, read, LIST_TTL_MS));
      return text;
    });
  }

  private async query(productId: number, limit: number, before: string | null): Promise<string> {
    const found = await listOrders(this.database.sql, { productId, before, most: limit + 1 });
    return pageText(found, limit);
  }
}

/** What was put there by hand or by another release is as good as nothing. */
function isPage(text: string): boolean {
  try {
    const page = JSON.parse(text) as Page<Order> | null;
    return page !== null && Array.isArray(page.items);
  } catch {
    return false;
  }
}

/** The first `limit` of what was found; where it is cut off the next page begins. */
function pageText(found: readonly Order[], limit: number): string {
  const items = found.slice(0, limit);
  const page: Page<Order> = {
    items,
    nextCursor: found.length > limit ? orderCursor(items.at(-1)!.id) : null,
  };
  return JSON.stringify(page);
}
