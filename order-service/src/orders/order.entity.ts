import { fromCents } from "@shop/contracts/money";
import type { Order, OrderStatus, RejectionReason } from "@shop/contracts/order";
import { Check, Column, Entity, Index, PrimaryColumn } from "typeorm";

/** `insert: false` stands for what a new order does not have, and for what its INSERT computes (place.sql.ts). */
@Entity("orders")
@Index("orders_by_product", { synchronize: false })
@Index("orders_by_subject", { synchronize: false })
@Index("orders_pending", { synchronize: false })
@Check("orders_status", `status IN ('pending', 'done', 'rejected')`)
@Check("orders_reason", `(status = 'rejected') = (reason IS NOT NULL)`)
export class OrderEntity {
  /** A UUIDv7: newest first is largest first. */
  @PrimaryColumn("uuid")
  id!: string;

  @Column("integer", { name: "product_id" })
  productId!: number;

  @Column("integer")
  qty!: number;

  /** bigint arrives as text. */
  @Column("bigint", { name: "unit_price_cents" })
  unitPriceCents!: string;

  @Column({ type: "bigint", name: "total_price_cents", insert: false })
  totalPriceCents!: string;

  @Column({ type: "text", insert: false })
  status!: OrderStatus;

  @Column({ type: "text", nullable: true, insert: false })
  reason!: RejectionReason | null;

  @Column("text", { name: "request_id" })
  requestId!: string;

  /** The subject that placed it; null where authentication is off. */
  @Column("text", { nullable: true })
  subject!: string | null;

  @Column("timestamptz", { name: "created_at" })
  createdAt!: Date;

  @Column({ type: "timestamptz", name: "updated_at", insert: false })
  updatedAt!: Date;

  /** When the reconciler republishes the order, if it is still pending then. */
  @Column({ type: "timestamptz", name: "next_tell_at", insert: false, select: false })
  nextRepublishAt!: Date;

  @Column({ type: "smallint", name: "times_told_again", default: 0, insert: false, select: false })
  timesRepublished!: number;
}

/** What is read and written of an order by anything but the reconciler's own statement. */
export type OrderRow = Omit<OrderEntity, "nextRepublishAt" | "timesRepublished">;

export const toOrder = (row: OrderRow): Order => ({
  id: row.id,
  productId: row.productId,
  qty: row.qty,
  unitPrice: fromCents(Number(row.unitPriceCents)),
  totalPrice: fromCents(Number(row.totalPriceCents)),
  status: row.status,
  reason: row.reason,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});
