import { Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import { fromCents, toCents } from "@shop/contracts/money";
import type { Order } from "@shop/contracts/order";
import { Database } from "@shop/service-kit/database/database";
import { isDatabaseTrouble } from "@shop/service-kit/database/database-errors";
import { CommitOrders } from "./commit-orders.ts";
import { findFirstAnswer } from "./idempotency.sql.ts";
import { newOrder, type IdempotencyClaim, type OrderRequest } from "./new-order.ts";
import { ProductDirectory } from "../products/product-directory.ts";
import type { KnownProduct } from "../products/product-memory.ts";

export interface Placed {
  readonly order: Order;
  /** Whether this is the first answer to the same Idempotency-Key, and not a new order. */
  readonly replayed: boolean;
}

/** Places an order: finds its price, commits it with its event, and does so once for each Idempotency-Key. */
@Injectable()
export class PlaceOrder {
  /** Keys of orders that this process is placing. A crash leaves nothing to clean: only what is committed is remembered. */
  private readonly keysInProgress = new Set<string>();

  constructor(
    private readonly products: ProductDirectory,
    private readonly commitOrders: CommitOrders,
    private readonly database: Database,
  ) {}

  async execute(request: OrderRequest): Promise<Placed> {
    const { claim } = request;
    if (!claim) return { order: await this.place(request), replayed: false };

    const mark = JSON.stringify([claim.caller, claim.key]);
    if (this.keysInProgress.has(mark)) throw idempotencyInProgress();
    this.keysInProgress.add(mark);
    try {
      return await this.placeOnce(request, claim);
    } finally {
      this.keysInProgress.delete(mark);
    }
  }

  /**
   * Most keys are new. So the first answer is not looked up before an order that only the database can refuse: a used key keeps
   * that order from being written. After a refusal it is looked up too: a repeat gets the first answer, whatever changed since.
   */
  private async placeOnce(request: OrderRequest, claim: IdempotencyClaim): Promise<Placed> {
    const { productId, price } = request.body;
    const known = this.products.remembered(productId);
    const needsOnlyDatabase = known !== undefined && refusalOf(known, price) === undefined;
    const before = needsOnlyDatabase ? undefined : await this.firstAnswer(claim);
    if (before) return { order: before, replayed: true };
    try {
      return { order: await this.place(request), replayed: false };
    } catch (refusal) {
      // A database in trouble would not answer this question either.
      const first = isDatabaseTrouble(refusal) ? undefined : await this.firstAnswer(claim);
      if (first) return { order: first, replayed: true };
      throw refusal;
    }
  }

  private async place(request: OrderRequest): Promise<Order> {
    const order = newOrder(request, await this.unitPrice(request));
    if ((await this.commitOrders.commit(order)) !== "committed") throw idempotencyInProgress();
    return order.order;
  }

  /** The current price, never the client's. A refusal rests on what product-service was asked after the request came. */
  private async unitPrice({ body: { productId, price } }: OrderRequest): Promise<number> {
    const now = performance.now();
    const found = await this.products.find(productId);
    const refusal = refusalOf(found.product, price);
    if (refusal === undefined || found.askedAt >= now) return accepted(found.product, refusal);
    const { product } = await this.products.ask(productId);
    return accepted(product, refusalOf(product, price));
  }

  private async firstAnswer(claim: IdempotencyClaim): Promise<Order | undefined> {
    const first = await findFirstAnswer(this.database.sql, claim);
    if (first && first.fingerprint !== claim.fingerprint) {
      throw new ContractError(
        "IDEMPOTENCY_KEY_REUSED",
        "This Idempotency-Key was used for another order; take a new key for a new order",
      );
    }
    return first?.order;
  }
}

const idempotencyInProgress = (): ContractError =>
  new ContractError(
    "IDEMPOTENCY_IN_PROGRESS",
    "A request with this Idempotency-Key is in progress; repeat it in a moment for its answer",
  );

function refusalOf(
  { id, priceCents }: KnownProduct,
  seen: number | undefined,
): ContractError | undefined {
  if (priceCents === null)
    return new ContractError("PRODUCT_NOT_FOUND", `There is no product ${id}`);
  if (seen === undefined || toCents(seen) === priceCents) return undefined;
  return new ContractError("PRICE_CHANGED", `The unit price is ${fromCents(priceCents)} now`, [
    { path: "price", message: `is ${fromCents(priceCents)} now` },
  ]);
}

function accepted({ priceCents }: KnownProduct, refusal: ContractError | undefined): number {
  if (refusal || priceCents === null)
    throw refusal ?? new Error("a product without a price was accepted");
  return priceCents;
}
