import { isLockTimeout } from "./database-errors.ts";

const SKIPPING_MS = 5_000;

/**
 * Whether rows that somebody else holds are waited for. They are, since mostly it is for a moment; but after a wait in vain they
 * are skipped, until none was held for a while: what needs them must not keep the rest from going on.
 */
export class LockPatience {
  private skipUntil = 0;

  /** `work` tells what it has left out because its row was held. */
  async run<T extends { readonly held: readonly unknown[] }>(
    work: (skipLocked: boolean) => Promise<T>,
  ): Promise<T> {
    try {
      const result = await work(performance.now() < this.skipUntil);
      if (result.held.length > 0) this.skip();
      return result;
    } catch (error) {
      if (isLockTimeout(error)) this.skip();
      throw error;
    }
  }

  private skip(): void {
    this.skipUntil = performance.now() + SKIPPING_MS;
  }
}
