import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";

/** One call to a service, as undici wants to hear of it. It can be ended in every state, also while it waits for a connection. */
export abstract class ServiceCall implements Dispatcher.DispatchHandler {
  private running: Dispatcher.DispatchController | undefined = undefined;
  private endedFor: Error | undefined = undefined;

  /** The head of the answer is there. */
  protected abstract begin(
    status: number,
    headers: IncomingHttpHeaders,
    call: Dispatcher.DispatchController,
  ): void;

  protected abstract fail(reason: Error): void;

  /** Whoever waits hears why at once; the connection is given up. */
  end(reason: Error): void {
    this.endedFor = reason;
    this.fail(reason);
    this.running?.abort(reason);
  }

  protected get isEnded(): boolean {
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

  abstract onResponseEnd(): void;

  onResponseError(_call: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }
}
