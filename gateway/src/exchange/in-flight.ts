/**
 * What a request waits for. Each is counted apart: clients that take their time over sending a body, or over reading an answer that
 * is whole, are not in the way of the others. The first two have a cap of requests, the last one of bytes: waiting-bytes.ts.
 */
export type Phase = "receiving" | "working" | "sending";

export type InFlight = Record<Phase, number>;

export const noneInFlight = (): InFlight => ({ receiving: 0, working: 0, sending: 0 });

export const allInFlight = ({ receiving, working, sending }: InFlight): number =>
  receiving + working + sending;
