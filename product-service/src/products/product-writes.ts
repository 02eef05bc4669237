import { Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import { namesVersion } from "@shop/contracts/headers";
import { toCents } from "@shop/contracts/money";
import type { CreateProductBody, Product, ReplaceProductBody } from "@shop/contracts/product";
import { currentRequestId } from "@shop/service-kit/log/request-id";
import { UnitOfWork } from "@shop/service-kit/outbox/unit-of-work";
import type { EntityManager } from "typeorm";
import { StockAdjustmentEntity } from "../decide/stock.entity.ts";
import { ProductCache, toText } from "./product-cache.ts";
import { productNotFound } from "./product-reads.ts";
import { ProductEntity, toProduct } from "./product.entity.ts";

/**
 * A client's changes: each in one transaction with its event, then into the cache, then answered. A loaded entity is never saved:
 * that would write back a stock that a sale has changed since.
 */
@Injectable()
export class ProductWrites {
  constructor(
    private readonly work: UnitOfWork,
    private readonly cache: ProductCache,
  ) {}

  async create({ name, price, qty }: CreateProductBody): Promise<Product> {
    const product = await this.work.transact(async ({ manager, emit }) => {
      const row = manager.create(ProductEntity, {
        name,
        priceCents: String(toCents(price)),
        qty,
        initialQty: qty,
      });
      // Adds what PostgreSQL has given it: id, version and times.
      await manager.insert(ProductEntity, row);
      const created = toProduct(row);
      emit("product.created", { subject: created.id, data: created });
      return created;
    });
    await this.cache.store([toText(product)]);
    return product;
  }

  async replace(id: number, body: ReplaceProductBody, ifMatch?: string): Promise<Product> {
    const product = await this.work.transact(async ({ manager, emit }) => {
      const current = await lockProduct(manager, id);
      if (!current) throw productNotFound(id);
      if (ifMatch !== undefined && !namesVersion(ifMatch, current.version))
        throw stale(current.version);

      const delta = (body.qty ?? current.qty) - current.qty;
      const requestId = currentRequestId() ?? "";
      if (delta !== 0)
        await manager.insert(StockAdjustmentEntity, { productId: id, delta, requestId });
      const replaced = await updateProduct(manager, current, body);
      emit("product.updated", { subject: id, data: replaced });
      return replaced;
    });
    await this.cache.store([toText(product)]);
    return product;
  }

  async remove(id: number): Promise<void> {
    const version = await this.work.transact(async ({ manager, emit }) => {
      const current = await lockProduct(manager, id);
      if (!current) throw productNotFound(id);
      await manager.delete(ProductEntity, id);
      emit("product.deleted", { subject: id, data: { id, version: current.version + 1 } });
      return current.version + 1;
    });
    await this.cache.storeDeleted(id, version);
  }
}

/** Locks the row until the transaction ends: a sale waits, and cannot come between this read and the write after it. */
const lockProduct = (manager: EntityManager, id: number): Promise<ProductEntity | null> =>
  manager
    .createQueryBuilder(ProductEntity, "product")
    .setLock("pessimistic_write")
    .where({ id })
    .getOne();

/** `current` is locked, so its stock is what it was when no `qty` is given. */
async function updateProduct(
  manager: EntityManager,
  current: ProductEntity,
  { name, price, qty = current.qty }: ReplaceProductBody,
): Promise<Product> {
  const change = { name, priceCents: String(toCents(price)), qty };
  const { raw } = await manager
    .createQueryBuilder()
    .update(ProductEntity)
    .set({
      ...change,
      version: () => "version + 1",
      // PostgreSQL's clock may have been set back.
      updatedAt: () => "greatest(updated_at, clock_timestamp())",
    })
    .where({ id: current.id })
    .returning(["version", "updatedAt"])
    .execute();
  const [{ version, updated_at: updatedAt }] = raw as [{ version: number; updated_at: Date }];
  return toProduct(manager.merge(ProductEntity, current, { ...change, version, updatedAt }));
}

function stale(version: number): ContractError {
  return new ContractError(
    "PRECONDITION_FAILED",
    `The product has changed: its version is ${version} now. Read it again and repeat your change`,
  );
}
