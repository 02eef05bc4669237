import type { RejectionReason } from "@shop/contracts/order";
import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  PrimaryColumn,
  PrimaryGeneratedColumn,
} from "typeorm";

/** One row for each decided order, rejections included: the proof that each is decided once. Never pruned. */
@Entity("stock_movements")
@Check("stock_movements_status", `status IN ('done', 'rejected')`)
@Check("stock_movements_reason", `(status = 'rejected') = (reason IS NOT NULL)`)
export class StockMovementEntity {
  @PrimaryColumn("uuid", { name: "order_id" })
  orderId!: string;

  /** No foreign key: an order for a deleted product is decided as well. */
  @Column("integer", { name: "product_id" })
  productId!: number;

  @Column("integer")
  qty!: number;

  @Column("text")
  status!: "done" | "rejected";

  @Column("text", { nullable: true })
  reason!: RejectionReason | null;

  /** One for a whole batch, so it is not among the columns that are inserted for each row. */
  @Column({ type: "timestamptz", name: "decided_at", default: () => "now()", insert: false })
  decidedAt!: Date;
}

/** One row for each `qty` that a client changed, so that stock = initial + adjustments − done orders, always. */
@Entity("stock_adjustments")
export class StockAdjustmentEntity {
  @PrimaryGeneratedColumn("identity", { type: "bigint", generatedIdentity: "ALWAYS" })
  id!: string;

  @Column("integer", { name: "product_id" })
  productId!: number;

  @Column("integer")
  delta!: number;

  @Column("text", { name: "request_id" })
  requestId!: string;

  @CreateDateColumn({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
