import { Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import { namesVersion } from "@shop/contracts/headers";
import type { CreateProductBody, Product, ReplaceProductBody } from "@shop/contracts/product";
import { currentRequestId } from "@shop/service-kit/log/request-id";
import { UnitOfWork } from "@shop/service-kit/outbox/unit-of-work";
import { ProductCache, toText } from "./product-cache.ts";
import { productNotFound } from "./product-reads.ts";
import {
  deleteProduct,
  insertAdjustment,
  insertProduct,
  lockProduct,
  updateProduct,
} from "./product.sql.ts";

/** A client's changes: each in one transaction with its event, then into the cache, then answered. */
@Injectable()
export class ProductWrites {
  constructor(
    private readonly work: UnitOfWork,
    private readonly cache: ProductCache,
  ) {}

  async create(body: CreateProductBody): Promise<Product> {
    const product = await this.work.transact(async ({ sql, emit }) => {
      const created = await insertProduct(sql, body);
      emit("product.created", { subject: created.id, data: created });
      return created;
    });
    await this.cache.store([toText(product)]);
    return product;
  }

  async replace(id: number, body: ReplaceProductBody, ifMatch?: string): Promise<Product> {
    const product = await this.work.transact(async ({ sql, emit }) => {
      const current = await lockProduct(sql, id);
      if (!current) throw productNotFound(id);
      if (ifMatch !== undefined && !namesVersion(ifMatch, current.version))
        throw stale(current.version);

      const delta = (body.qty ?? current.qty) - current.qty;
      if (delta !== 0) {
        await insertAdjustment(sql, {
          productId: id,
          delta,
          requestId: currentRequestId() ?? "",
        });
      }
      const replaced = await updateProduct(sql, id, body);
      emit("product.updated", { subject: id, data: replaced });
      return replaced;
    });
    await this.cache.store([toText(product)]);
    return product;
  }

  async remove(id: number): Promise<void> {
    const version = await this.work.transact(async ({ sql, emit }) => {
      const last = await deleteProduct(sql, id);
      if (last === undefined) throw productNotFound(id);
      emit("product.deleted", { subject: id, data: { id, version: last + 1 } });
      return last + 1;
    });
    await this.cache.bury(id, version);
  }
}

function stale(version: number): ContractError {
  return new ContractError(
    "PRECONDITION_FAILED",
    `The product has changed: its version is ${version} now. Read it again and repeat your change`,
  );
}
