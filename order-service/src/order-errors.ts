import { ContractError } from "@shop/contracts/errors";

export const idempotencyInProgress = (): ContractError =>
  new ContractError(
    "IDEMPOTENCY_IN_PROGRESS",
    "A request with this Idempotency-Key is at work; repeat it in a moment for its answer",
  );

/** Another transaction has one of the keys in hand, and had it for longer than one waits. */
export class KeyHeld extends Error {
  override readonly name = "KeyHeld";

  constructor(cause: unknown) {
    super("somebody else holds a key", { cause });
  }
}
