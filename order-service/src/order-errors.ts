import { ContractError } from "@shop/contracts/errors";

export const idempotencyInProgress = (): ContractError =>
  new ContractError(
    "IDEMPOTENCY_IN_PROGRESS",
    "A request with this Idempotency-Key is at work; repeat it in a moment for its answer",
  );
