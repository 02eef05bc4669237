import { Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import { fromCents, toCents } from "@shop/contracts/money";
import type { Order, PlaceOrderBody } from "@shop/contracts/order";
import { CommitOrders } from "./commit-orders.ts";
import { Idempotency } from "./idempotency.ts";
import { newOrder, type OrderRequest } from "./new-order.ts";
import { idempotencyInProgress } from "./order-errors.ts";
import { ProductDirectory } from "./product-directory.ts";
import type { KnownProduct } from "./product-memory.ts";

export interface Placed {
  readonly order: Order;
  readonly replayed: boolean;
}

@Injectable()
export class PlaceOrder {
  constructor(
    private readonly products: ProductDirectory,
    private readonly commits: CommitOrders,
    private readonly idempotency: Idempotency,
  ) {}

  async execute(request: OrderRequest): Promise<Placed> {
    const { claim } = request;
    const place = () => this.place(request);
    if (!claim) return { order: await place(), replayed: false };
    return this.idempotency.once(claim, { place, isQuick: this.isQuick(request.body) });
  }

  private async place(request: OrderRequest): Promise<Order> {
    const order = newOrder(request, await this.unitPrice(request.body));
    if ((await this.commits.one(order)) === "key taken") throw idempotencyInProgress();
    return order.order;
  }

  private isQuick({ productId, price }: PlaceOrderBody): boolean {
    const known = this.products.remembered(productId);
    return known !== undefined && refusalOf(known, price) === undefined;
  }

  /** The price that holds, never the client's. A refusal rests on an answer to a question from after the request came. */
  private async unitPrice({ productId, price }: PlaceOrderBody): Promise<number> {
    const now = performance.now();
    const found = await this.products.find(productId);
    const refusal = refusalOf(found.product, price);
    if (refusal === undefined || found.askedAt >= now) return accepted(found.product, refusal);
    const { product } = await this.products.ask(productId);
    return accepted(product, refusalOf(product, price));
  }
}

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
