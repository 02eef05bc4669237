import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { withoutStacks } from "./without-stacks.ts";
import { isCallersFault, NotSent } from "./failures.ts";

/** Where a call has a place: in a line for a connection, or at work on one. */
export interface Place {
  /** It does not wait any more. */
  forget(call: ServiceCall): void;
  /** Its connection is free, or gone. */
  done(failure?: Error): void;
}

/** One call to a service, as undici wants to hear of it. It can be ended in every state, also while it waits for a connection. */
export abstract class ServiceCall implements Dispatcher.DispatchHandler {
  place: Place | undefined = undefined;
  private running: Dispatcher.DispatchController | undefined = undefined;
  private endedFor: Error | undefined = undefined;

  /** The head of the answer is there. */
  protected abstract begin(
    status: number,
    headers: IncomingHttpHeaders,
    call: Dispatcher.DispatchController,
  ): void;

  /** The whole of it is. */
  protected abstract finish(): void;

  protected abstract fail(reason: Error): void;

  /** Whoever waits hears why at once; its place in the line, or its connection, is given up. */
  end(reason: Error): void {
    this.endedFor = reason;
    this.fail(reason);
    this.place?.forget(this);
    withoutStacks(() => this.running?.abort(reason));
  }

  get isEnded(): boolean {
    return this.endedFor !== undefined;
  }

  onRequestStart(call: Dispatcher.DispatchController): void {
    this.running = call;
    if (this.endedFor) call.abort(this.endedFor);
  }

  onResponseStart(
    call: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // Below 200 it says only that more is to come.
    if (status >= 200) this.begin(status, headers, call);
  }

  abstract onResponseData(call: Dispatcher.DispatchController, chunk: Buffer): void;

  onResponseEnd(): void {
    this.leave();
    this.finish();
  }

  onResponseError(_call: Dispatcher.DispatchController | null, error: Error): void {
    this.leave(error);
    const isSent = this.running !== undefined || isCallersFault(error);
    this.fail(isSent ? error : new NotSent(error));
  }

  private leave(failure?: Error): void {
    const { place } = this;
    this.place = undefined;
    place?.done(failure);
  }
}
