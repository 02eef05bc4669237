import type { ServerResponse } from "node:http";
import { callEnded, timedOut } from "./failures.ts";

interface Endable {
  end(reason: Error): void;
}

/**
 * Ends the calls of one request. It covers a call from its start to its last byte: a timeout for silence alone would let a service
 * that sends a byte now and then keep the request for as long as it likes.
 */
export class Deadline {
  /** Why it has ended. */
  reason: Error | undefined = undefined;
  private readonly calls = new Set<Endable>();
  private readonly timer: NodeJS.Timeout;

  constructor(ms: number) {
    this.timer = setTimeout(() => this.end(timedOut()), ms);
  }

  add(call: Endable): void {
    this.calls.add(call);
  }

  remove(call: Endable): void {
    this.calls.delete(call);
  }

  end(reason: Error): void {
    this.reason ??= reason;
    for (const call of this.calls) call.end(this.reason);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

/** It ends early when the client leaves. */
export function deadlineFor(response: ServerResponse, ms: number): Deadline {
  const deadline = new Deadline(ms);
  response.on("close", () => {
    deadline.stop();
    if (!response.writableFinished) deadline.end(callEnded("the client left"));
  });
  return deadline;
}
