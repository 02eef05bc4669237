import type { IncomingHttpHeaders } from "node:http";
import type { Logger } from "@shop/service-kit/log/logger";
import { Breaker } from "./breaker.ts";
import { Connections } from "./connections.ts";

const MOST = 256;
/** One may hang, and the next question does not wait for it. */
const MOST_FOR_HEALTH = 2;
/**
 * Twice as long as a service that stops waits for its callers to leave (lifecycle.ts), counted from the last of its answers that says
 * so. After just as long it would be asked again at the very moment when it closes its connections, and a request would break off.
 */
const LEAVING_MS = 2_000;

/** One process of a service, and the connections to it. */
export interface Instance {
  readonly url: string;
  /** For a second try there are new ones: those that were kept may all be as dead as the first. */
  connections(again: boolean): Connections;
  /** For asking whether it is ready: in line behind everybody else, a service that is ready would look down. */
  readonly forHealth: Connections;
  readonly breaker: Breaker;
  /** Said in one of its last answers: it is about to stop, and asked only when there is no other. */
  readonly isLeaving: boolean;
  /** What the head of an answer tells about the connections to it. */
  heed(headers: IncomingHttpHeaders, again: boolean): void;
  close(): Promise<void>;
}

export function connectInstance(url: string, log: Logger): Instance {
  const { origin } = new URL(url);
  const kept = new Connections(origin, { most: MOST, areKept: true });
  const fresh = new Connections(origin, { most: MOST, areKept: false });
  const forHealth = new Connections(origin, { most: MOST_FOR_HEALTH, areKept: true });
  let leavingUntil = 0;
  return {
    url: origin,
    connections: (again) => (again ? fresh : kept),
    forHealth,
    breaker: new Breaker((isClosed) => {
      if (isClosed) log.info({ instance: origin }, "an instance answers again");
      else log.warn({ instance: origin }, "an instance does not answer and is left out");
    }),
    get isLeaving() {
      return leavingUntil !== 0 && performance.now() < leavingUntil;
    },
    heed(headers, again) {
      // Over a connection that is not kept it is we who have said so first.
      if (again || headers.connection !== "close") return;
      // It closes the free ones any moment now: a request on its way there would break off.
      if (!this.isLeaving) kept.renew();
      leavingUntil = performance.now() + LEAVING_MS;
    },
    close: async () => {
      await Promise.all([kept, fresh, forHealth].map((connections) => connections.close()));
    },
  };
}
