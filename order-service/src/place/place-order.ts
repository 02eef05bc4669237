import { randomUUIDv7 } from "node:crypto";
import { Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import { fromCents, toCents } from "@shop/contracts/money";
import { placeOrderBody, type Order, type PlaceOrderBody } from "@shop/contracts/order";
import { Database } from "@shop/service-kit/database/database";
import { isDatabaseTrouble } from "@shop/service-kit/database/database-errors";
import { acceptRequestId, currentRequestId } from "@shop/service-kit/log/request-id";
import { OrderEntity, toOrder } from "../orders/order.entity.ts";
import { ProductDirectory } from "../products/product-directory.ts";
import type { KnownProduct } from "../products/product-memory.ts";
import { CommitOrders, type IdempotencyClaim, type NewOrder } from "./commit-orders.ts";
import { IdempotencyKeyEntity } from "./idempotency-key.entity.ts";

export interface OrderRequest {
  readonly body: PlaceOrderBody;
  /** `null` where authentication is off. */
  readonly subject: string | null;
  /** The Idempotency-Key. */
  readonly key: string | undefined;
}

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
    const claim = claimOf(request);
    if (!claim) return { order: await this.place(request), replayed: false };

    const inProgress = JSON.stringify([claim.caller, claim.key]);
    if (this.keysInProgress.has(inProgress)) throw idempotencyInProgress();
    this.keysInProgress.add(inProgress);
    try {
      return await this.placeOnce(request, claim);
    } finally {
      this.keysInProgress.delete(inProgress);
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
      return { order: await this.place(request, claim), replayed: false };
    } catch (refusal) {
      // A database in trouble would not answer this question either.
      const first = isDatabaseTrouble(refusal) ? undefined : await this.firstAnswer(claim);
      if (first) return { order: first, replayed: true };
      throw refusal;
    }
  }

  private async place(request: OrderRequest, claim?: IdempotencyClaim): Promise<Order> {
    const order = newOrder(request, await this.unitPriceCents(request), claim);
    if ((await this.commitOrders.commit(order)) !== "committed") throw idempotencyInProgress();
    return order.order;
  }

  /** The current price, never the client's. A refusal rests on what product-service was asked after the request came. */
  private async unitPriceCents({ body: { productId, price } }: OrderRequest): Promise<number> {
    const now = performance.now();
    let { product, askedAt } = await this.products.find(productId);
    if (refusalOf(product, price) && askedAt < now)
      ({ product, askedAt } = await this.products.ask(productId));
    const refusal = refusalOf(product, price);
    if (refusal || product.priceCents === null) throw refusal ?? productNotFound(productId);
    return product.priceCents;
  }

  /** The order that the key stands for, as it was first answered. */
  private firstAnswer({ caller, key, fingerprint }: IdempotencyClaim): Promise<Order | undefined> {
    return this.database.withManager(async (manager) => {
      const first = await manager.findOneBy(IdempotencyKeyEntity, { caller, key });
      if (!first) return undefined;
      if (first.fingerprint !== fingerprint) throw idempotencyKeyReused();
      const now = toOrder(await manager.findOneByOrFail(OrderEntity, { id: first.orderId }));
      return { ...now, status: "pending", reason: null, updatedAt: now.createdAt };
    });
  }
}

/** Without authentication all callers share their keys. */
const claimOf = ({ body, subject, key }: OrderRequest): IdempotencyClaim | undefined =>
  key === undefined ? undefined : { caller: subject ?? "", key, fingerprint: fingerprintOf(body) };

const BODY_FIELDS = Object.keys(placeOrderBody.shape) as (keyof PlaceOrderBody)[];

/**
 * Every field of the schema, in its order: a body with another value is another body. Keys live for a day, so a new field must not
 * change the text of bodies without it.
 */
function fingerprintOf(body: PlaceOrderBody): string {
  const fields: Partial<Record<keyof PlaceOrderBody, unknown>> = {};
  for (const field of BODY_FIELDS) fields[field] = body[field];
  return JSON.stringify(fields);
}

/** The id is given here, and stays the same however often the commit is tried. */
function newOrder(
  { body: { productId, qty }, subject }: OrderRequest,
  unitPriceCents: number,
  claim: IdempotencyClaim | undefined,
): NewOrder {
  const now = new Date();
  const row: NewOrder["row"] = {
    id: randomUUIDv7(),
    productId,
    qty,
    unitPriceCents: String(unitPriceCents),
    totalPriceCents: String(unitPriceCents * qty),
    status: "pending",
    reason: null,
    requestId: acceptRequestId(currentRequestId()),
    subject,
    createdAt: now,
    updatedAt: now,
  };
  return { row, order: toOrder(row), claim };
}

function refusalOf(
  { id, priceCents }: KnownProduct,
  seen: number | undefined,
): ContractError | undefined {
  if (priceCents === null) return productNotFound(id);
  if (seen === undefined || toCents(seen) === priceCents) return undefined;
  return new ContractError("PRICE_CHANGED", `The unit price is ${fromCents(priceCents)} now`, [
    { path: "price", message: `is ${fromCents(priceCents)} now` },
  ]);
}

const productNotFound = (id: number): ContractError =>
  new ContractError("PRODUCT_NOT_FOUND", `There is no product ${id}`);

const idempotencyInProgress = (): ContractError =>
  new ContractError(
    "IDEMPOTENCY_IN_PROGRESS",
    "A request with this Idempotency-Key is in progress; repeat it in a moment for its answer",
  );

const idempotencyKeyReused = (): ContractError =>
  new ContractError(
    "IDEMPOTENCY_KEY_REUSED",
    "This Idempotency-Key was used for another order; take a new key for a new order",
  );
