import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import type { Connections } from "./connections.ts";
import { BrokenAnswer } from "./failures.ts";
import { ServiceCall } from "./service-call.ts";

const MOST_BYTES = 1_048_576;

export interface WholeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

export interface Question {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
}

/**
 * A GET whose answer is wanted whole. undici's own `request` makes a stream of it and reads that in turns: with two such calls an
 * answer costs the gateway 40 % more.
 */
export function getWhole(
  connections: Connections,
  { path, headers, signal }: Question,
): Promise<WholeAnswer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const collector = new Collector(resolve, reject);
    signal.addEventListener("abort", () => collector.end(signal.reason as Error));
    connections.send(collector, { method: "GET", path, headers });
  });
}

class Collector extends ServiceCall {
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private readonly chunks: Buffer[] = [];
  private size = 0;

  constructor(
    private readonly resolve: (answer: WholeAnswer) => void,
    protected readonly fail: (reason: Error) => void,
  ) {
    super();
  }

  protected begin(status: number, headers: IncomingHttpHeaders): void {
    this.status = status;
    this.headers = headers;
  }

  onResponseData(_call: Dispatcher.DispatchController, chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size > MOST_BYTES) this.end(new BrokenAnswer("the answer was too large"));
    else this.chunks.push(chunk);
  }

  protected finish(): void {
    const { status, headers, chunks } = this;
    this.resolve({
      status,
      headers,
      bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks),
    });
  }
}
