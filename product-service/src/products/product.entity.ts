import { fromCents } from "@shop/contracts/money";
import type { Product } from "@shop/contracts/product";
import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  PrimaryGeneratedColumn,
  UpdateDateColumn,
} from "typeorm";

@Entity("products")
@Check("products_price_range", "price_cents BETWEEN 0 AND 999999999")
@Check("products_never_oversold", "qty >= 0")
export class ProductEntity {
  @PrimaryGeneratedColumn("identity", { generatedIdentity: "ALWAYS" })
  id!: number;

  @Column("text")
  name!: string;

  /** bigint arrives as text. */
  @Column("bigint", { name: "price_cents" })
  priceCents!: string;

  @Column("integer")
  qty!: number;

  /** Never changed: with the adjustments and the movements it explains `qty`. */
  @Column("integer", { name: "initial_qty" })
  initialQty!: number;

  @Column("integer", { default: 1 })
  version!: number;

  @CreateDateColumn({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @UpdateDateColumn({ name: "updated_at", type: "timestamptz" })
  updatedAt!: Date;
}

export const toProduct = (row: ProductEntity): Product => ({
  id: row.id,
  name: row.name,
  price: fromCents(Number(row.priceCents)),
  qty: row.qty,
  version: row.version,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});
