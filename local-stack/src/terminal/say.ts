let sink = (line: string): void => void process.stdout.write(`${line}\n`);

/** Everything that the launcher tells its user goes through here: one plain line on the terminal. */
export function say(line: string): void {
  sink(line);
}

/** For who runs a system as a part of something else, and has its own to say. What it gives back ends that. */
export function sayTo(other: (line: string) => void): () => void {
  const before = sink;
  sink = other;
  return () => (sink = before);
}

export function seconds(sinceMs: number): string {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
}
