import { Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import type { Order } from "@shop/contracts/order";
import { Database } from "@shop/service-kit/database/database";
import { findFirstAnswer } from "./idempotency.sql.ts";
import { idempotencyInProgress } from "./order-errors.ts";
import type { Commit } from "./commit-orders.ts";
import type { IdempotencyClaim, NewOrder } from "./new-order.ts";
import type { Placed } from "./place-order.ts";

/**
 * The same key and body give the same order. "In progress" lives in this memory, or in another instance's uncommitted
 * transaction, so a crash leaves nothing to clean; only what was committed is remembered.
 */
@Injectable()
export class Idempotency {
  private readonly inProgress = new Set<string>();

  constructor(private readonly database: Database) {}

  /**
   * Most keys are new, so nobody looks before: a key that stands for another order keeps this one from being written, and then its
   * answer is looked up. So it is when this one is refused, since the first one's product may be gone by now.
   */
  async once(
    claim: IdempotencyClaim,
    {
      prepare,
      write,
    }: { prepare: () => Promise<NewOrder>; write: (order: NewOrder) => Promise<Commit> },
  ): Promise<Placed> {
    const mark = JSON.stringify([claim.caller, claim.key]);
    if (this.inProgress.has(mark)) throw idempotencyInProgress();
    this.inProgress.add(mark);
    try {
      const order = await prepare().catch((refusal: unknown) =>
        this.unlessAnswered(claim, refusal),
      );
      if ("replayed" in order) return order;
      if ((await write(order)) === "committed") return { order: order.order, replayed: false };
      return await this.unlessAnswered(claim, idempotencyInProgress());
    } finally {
      this.inProgress.delete(mark);
    }
  }

  private async unlessAnswered(claim: IdempotencyClaim, otherwise: unknown): Promise<Placed> {
    const order = await this.firstAnswer(claim);
    if (order) return { order, replayed: true };
    throw otherwise;
  }

  private async firstAnswer(claim: IdempotencyClaim): Promise<Order | undefined> {
    const first = await findFirstAnswer(this.database.sql, claim);
    if (first && first.fingerprint !== claim.fingerprint) {
      throw new ContractError(
        "IDEMPOTENCY_KEY_REUSED",
        "This Idempotency-Key was used for another order; take a new key for a new order",
      );
    }
    return first?.order;
  }
}
