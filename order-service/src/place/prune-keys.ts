import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoops } from "@shop/service-kit/background-loops";
import { CONFIG, type OrderServiceConfig } from "../config.ts";
import { deleteOldKeys } from "./place.sql.ts";

const PRUNE_EVERY_MS = 600_000;
const PRUNE_BATCH = 5_000;

/** Deletes idempotency keys that were kept for long enough. */
@Injectable()
export class PruneKeys {
  constructor(
    loops: BackgroundLoops,
    @Inject(CONFIG) { IDEMPOTENCY_KEEP_MS: keepMs }: OrderServiceConfig,
  ) {
    loops.add("pruning", async ({ sql }) => {
      const count = await deleteOldKeys(sql, { keepMs, most: PRUNE_BATCH });
      return count === PRUNE_BATCH ? 0 : PRUNE_EVERY_MS;
    });
  }
}
