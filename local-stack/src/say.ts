/** Everything that the launcher tells its user goes through here: one plain line on the terminal. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function seconds(sinceMs: number): string {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
}
