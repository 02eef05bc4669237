import { isLockTimeout } from "./database-errors.ts";

const SKIPPING_MS = 5_000;

/**
 * Decides whether a batch waits for locked rows. It does, since most locks last for a moment. After a lock timeout it skips them,
 * until none was locked for a while: one locked row must not stop all the others.
 */
export class SkipLocked {
  private skipUntil = 0;

  /** `work` answers with what it has skipped. */
  async run<T extends { readonly locked: readonly unknown[] }>(
    work: (skipLocked: boolean) => Promise<T>,
  ): Promise<T> {
    try {
      const result = await work(performance.now() < this.skipUntil);
      if (result.locked.length > 0) this.skip();
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
