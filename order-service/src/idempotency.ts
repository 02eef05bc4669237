import { Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import type { Order } from "@shop/contracts/order";
import { Database } from "@shop/service-kit/database/database";
import { findFirstAnswer } from "./idempotency.sql.ts";
import { idempotencyInProgress } from "./order-errors.ts";
import type { IdempotencyClaim } from "./new-order.ts";
import type { Placed } from "./place-order.ts";

/**
 * The same key and body give the same order. "In progress" lives in this memory, or in another instance's uncommitted
 * transaction, so a crash leaves nothing to clean; only what was committed is remembered.
 */
@Injectable()
export class Idempotency {
  private readonly inProgress = new Set<string>();

  constructor(private readonly database: Database) {}

  async once(claim: IdempotencyClaim, place: () => Promise<Order | undefined>): Promise<Placed> {
    const mark = JSON.stringify([claim.caller, claim.key]);
    if (this.inProgress.has(mark)) throw idempotencyInProgress();
    this.inProgress.add(mark);
    try {
      const before = await this.firstAnswer(claim);
      if (before) return { order: before, replayed: true };
      const order = await place();
      if (order) return { order, replayed: false };
      const theirs = await this.firstAnswer(claim);
      if (theirs) return { order: theirs, replayed: true };
      throw idempotencyInProgress();
    } finally {
      this.inProgress.delete(mark);
    }
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
