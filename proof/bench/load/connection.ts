import { createConnection, type Socket } from "node:net";
import { createResponseReader } from "./response-reader.ts";

/** The status of a request that got no answer. */
export const NO_ANSWER = 0;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Connection {
  /** One request at a time; the next may be sent when this one is `done`. */
  send(request: Buffer, done: (status: number) => void): void;
  end(): void;
}

/** Kept alive; opened when it is needed, and again after the server has closed it. */
export function keepConnection(address: Address): Connection {
  let socket: Socket | undefined;
  let waiting: ((status: number) => void) | undefined;

  const answer = (status: number): void => {
    const done = waiting;
    waiting = undefined;
    done?.(status);
  };

  const open = (): Socket => {
    const opened = createConnection({ ...address, noDelay: true });
    const forget = (): void => {
      if (socket !== opened) return;
      socket = undefined;
      answer(NO_ANSWER);
    };
    const read = createResponseReader(({ status, closes }) => {
      if (closes) {
        socket = undefined;
        opened.end();
      }
      answer(status);
    });
    opened.on("data", (chunk: Buffer) => {
      try {
        read(chunk);
      } catch {
        opened.destroy();
      }
    });
    opened.on("error", () => undefined);
    opened.on("close", forget);
    return opened;
  };

  return {
    send: (request, done) => {
      waiting = done;
      socket ??= open();
      socket.write(request);
    },
    end: () => socket?.destroy(),
  };
}
