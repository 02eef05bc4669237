import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from "typeorm";

@Entity("idempotency_keys")
export class IdempotencyKeyEntity {
  /** The subject that the key belongs to; empty without authentication. */
  @PrimaryColumn("text", { primaryKeyConstraintName: "idempotency_keys_pkey" })
  caller!: string;

  @PrimaryColumn("text", { primaryKeyConstraintName: "idempotency_keys_pkey" })
  key!: string;

  /** What was asked for: the same key with something else is refused. */
  @Column("text")
  fingerprint!: string;

  @Column("uuid", { name: "order_id" })
  orderId!: string;

  @Index("idempotency_keys_created_at")
  @CreateDateColumn({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
