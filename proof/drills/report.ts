import { passed, type DrillResult } from "./run-drill.ts";

export const number = (value: number): string => Math.round(value).toLocaleString("en-US");
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
export const percent = (share: number): string =>
  `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;

/** The figures of one drill, in the order of the columns of docs/guarantees.md. */
export function figuresOf(result: DrillResult): string[] {
  const { settling, answered, answerP99, firstSettled, atRest } = result;
  return [
    `${result.violations.length}`,
    number(settling.orders),
    `${number(settling.p50)} / ${number(settling.p99)} / ${number(settling.max)} ms`,
    percent(answered),
    `${number(answerP99)} ms`,
    `${firstSettled === undefined ? "–" : seconds(firstSettled)} / ${seconds(atRest)}`,
  ];
}

export function lineOf(result: DrillResult): string {
  const { drill, seed, notes } = result;
  const [violations, orders, settled, answered, p99, healing] = figuresOf(result);
  const parts = [
    `${violations} violations`,
    `${orders} orders settled, p50/p99/max ${settled}`,
    `${answered} answered, p99 ${p99}`,
    `first settled/at rest after ${healing}`,
    ...notes,
  ];
  const outcome = passed(result) ? "ok    " : "FAILED";
  return `${outcome} ${drill.id.padEnd(4)} ${drill.name} (seed ${seed}): ${parts.join(" · ")}`;
}

const MOST_SHOWN = 12;

export function complaintsOf({ violations, failed, warned }: DrillResult): string[] {
  const all = [...violations, ...failed, ...warned.map((text) => `warning: ${text}`)];
  const more = all.length - MOST_SHOWN;
  return [...all.slice(0, MOST_SHOWN), ...(more > 0 ? [`… and ${more} more`] : [])].map(
    (text) => `         ${text}`,
  );
}
