import { Injectable } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import type { Order } from "@shop/contracts/order";
import { Database } from "@shop/service-kit/database/database";
import { isDatabaseTrouble } from "@shop/service-kit/database/database-errors";
import { findFirstAnswer } from "./idempotency.sql.ts";
import { idempotencyInProgress } from "./order-errors.ts";
import type { IdempotencyClaim } from "./new-order.ts";
import type { Placed } from "./place-order.ts";

export interface Attempt {
  /** Throws IDEMPOTENCY_IN_PROGRESS when the key was taken. */
  readonly place: () => Promise<Order>;
  /** Nobody needs to be asked for it but the database. */
  readonly isQuick: boolean;
}

/**
 * The same key and body give the same order. "In progress" lives in this memory, or in another instance's uncommitted
 * transaction, so a crash leaves nothing to clean; only what was committed is remembered.
 */
@Injectable()
export class Idempotency {
  private readonly inProgress = new Set<string>();

  constructor(private readonly database: Database) {}

  /**
   * Most keys are new, so where the order is quickly made nobody looks before: a key that stands for another order keeps this one
   * from being written, and then its answer is looked up. So it is when this one is refused, for a repeat must not hear of what
   * has changed since.
   */
  async once(claim: IdempotencyClaim, { place, isQuick }: Attempt): Promise<Placed> {
    const mark = JSON.stringify([claim.caller, claim.key]);
    if (this.inProgress.has(mark)) throw idempotencyInProgress();
    this.inProgress.add(mark);
    try {
      const before = isQuick ? undefined : await this.firstAnswer(claim);
      if (before) return { order: before, replayed: true };
      return await place().then(
        (order) => ({ order, replayed: false }),
        (refusal: unknown) => this.unlessAnswered(claim, refusal),
      );
    } finally {
      this.inProgress.delete(mark);
    }
  }

  private async unlessAnswered(claim: IdempotencyClaim, refusal: unknown): Promise<Placed> {
    // It would not answer this question either.
    const order = isDatabaseTrouble(refusal) ? undefined : await this.firstAnswer(claim);
    if (order) return { order, replayed: true };
    throw refusal;
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
