/** This process does nothing else for so long: what comes meanwhile is not read. */
export function beBusy(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
