/**
 * What a request waits for. Each is counted, and has its cap, apart: clients that take their time over sending a body, or over
 * reading a file, are in the way of their like alone.
 */
export type Phase = "receiving" | "working" | "file";

export type InFlight = Record<Phase, number>;

export const noneInFlight = (): InFlight => ({ receiving: 0, working: 0, file: 0 });

export const allInFlight = ({ receiving, working, file }: InFlight): number =>
  receiving + working + file;
