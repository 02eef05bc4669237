const PLAIN_EVERY_MS = 20_000;
const CLEAR_LINE = "\r\u001B[K";

let lastPlainAt = performance.now();

export function tell(line: string): void {
  process.stdout.write(`${process.stdout.isTTY ? CLEAR_LINE : ""}${line}\n`);
}

/** What goes on just now: a line that changes on a terminal, one now and then in a log. */
export function tellProgress(line: string): void {
  if (process.stdout.isTTY) {
    process.stdout.write(`${CLEAR_LINE}${line.slice(0, (process.stdout.columns || 80) - 1)}`);
  } else if (performance.now() - lastPlainAt > PLAIN_EVERY_MS) {
    lastPlainAt = performance.now();
    tell(`  … ${line}`);
  }
}
