import { Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import { fromCents, toCents } from "@shop/contracts/money";
import type { Order, PlaceOrderBody } from "@shop/contracts/order";
import { CommitOrders } from "./commit-orders.ts";
import { Idempotency } from "./idempotency.ts";
import { newOrder, type NewOrder, type OrderRequest } from "./new-order.ts";
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
    const prepare = () => this.prepare(request);
    const write = (order: NewOrder) => this.commits.one(order);
    if (claim) return this.idempotency.once(claim, { prepare, write });
    const order = await prepare();
    await write(order);
    return { order: order.order, replayed: false };
  }

  private async prepare(request: OrderRequest): Promise<NewOrder> {
    return newOrder(request, await this.unitPrice(request.body));
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
