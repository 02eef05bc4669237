import type { OrderStatus, RejectionReason } from "@shop/contracts/order";
import { Check, Column, Entity, Index, PrimaryColumn } from "typeorm";

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

  @Column("bigint", { name: "total_price_cents" })
  totalPriceCents!: string;

  @Column("text")
  status!: OrderStatus;

  @Column("text", { nullable: true })
  reason!: RejectionReason | null;

  @Column("text", { name: "request_id" })
  requestId!: string;

  /** Who placed it; null where authentication is off. */
  @Column("text", { nullable: true })
  subject!: string | null;

  @Column("timestamptz", { name: "created_at" })
  createdAt!: Date;

  @Column("timestamptz", { name: "updated_at" })
  updatedAt!: Date;

  /** When the sweeper tells the order again, if it is still pending then. */
  @Column("timestamptz", { name: "next_tell_at" })
  nextTellAt!: Date;

  @Column("smallint", { name: "times_told_again", default: 0 })
  timesToldAgain!: number;
}
