import { Writable } from "node:stream";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly requestId?: string;
  readonly [field: string]: unknown;
}

export interface LogCapture {
  readonly destination: Writable;
  readonly lines: LogLine[];
}

/** What a service logs, line by line; a line that is not JSON throws. */
export function captureLog(): LogCapture {
  const lines: LogLine[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().split("\n")) {
        if (line !== "") lines.push(JSON.parse(line) as LogLine);
      }
      done();
    },
  });
  return { destination, lines };
}
