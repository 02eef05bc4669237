import type { ServerResponse } from "node:http";
import { callEnded, timedOut } from "./failures.ts";

/**
 * What ends a request's calls before they end by themselves: its deadline, from here to the last byte, or its client leaving. A
 * timeout for silence alone would let a service that drips hold us for ever.
 */
export class Limit {
  /** Why it has ended. */
  reason: Error | undefined = undefined;
  private readonly timer: NodeJS.Timeout;
  private onEnd: ((reason: Error) => void) | undefined = undefined;

  constructor(response: ServerResponse, deadlineMs: number) {
    this.timer = setTimeout(() => this.end(timedOut()), deadlineMs);
    response.on("close", () => {
      this.stop();
      if (!response.writableFinished) this.end(callEnded("the client left"));
    });
  }

  /** What to do at the end; the next call takes the place of the one before. */
  whenOver(onEnd: (reason: Error) => void): void {
    this.onEnd = onEnd;
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private end(reason: Error): void {
    this.reason ??= reason;
    this.onEnd?.(this.reason);
  }
}
