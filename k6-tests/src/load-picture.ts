import { lineOf } from "./load-line.ts";
import { pointsOf, type LoadPoint } from "./load-points.ts";
import type { LoadRecord } from "./load-record.ts";

const SIZE = { width: 860, height: 440 };
const LEFT = 64;
const WIDTH = SIZE.width - LEFT - 24;
const ARRIVALS = { top: 70, height: 80 };
const LATENCIES = { top: 196, height: 160 };
const LOWEST_MS = 1;
const FIGURES_IN_A_LINE = 2;
const PERCENTILES = [
  { key: "p99", name: "p99", colour: "#eb9f4a" },
  { key: "p95", name: "p95", colour: "#c8453d" },
  { key: "med", name: "p50", colour: "#2d3a8c" },
] as const;

type Scale = (value: number) => number;

const round = (value: number) => Number(value.toFixed(1));
const upwards = ({ top, height }: typeof ARRIVALS, part: number) =>
  round(top + height * (1 - part));

function text(x: number, y: number, what: string, more = ""): string {
  const escaped = what.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${round(x)}" y="${round(y)}"${more}>${escaped}</text>`;
}

function gridLine(y: number, label: string): string {
  const line = `<path d="M${LEFT} ${y}h${WIDTH}" stroke="#d8d8d8"/>`;
  return line + text(LEFT - 8, y + 4, label, ' text-anchor="end"');
}

function arrivals(points: readonly LoadPoint[], x: Scale, rate: number): string[] {
  const highest = Math.max(rate, ...points.map((point) => point.rate));
  const y: Scale = (value) => upwards(ARRIVALS, value / highest);
  const steps = points.map((point) => `V${y(point.rate)}H${x(point.toSeconds)}`).join("");
  return [
    text(LEFT, ARRIVALS.top - 12, "requests sent per second"),
    `<path d="M${x(0)} ${y(0)}${steps}V${y(0)}z" fill="#9db8d9"/>`,
    ...[0, rate].map((value) => gridLine(y(value), value.toLocaleString("en-US"))),
  ];
}

/** A logarithmic scale: a rare slow answer is seen, and does not press all others flat. */
function latencies(points: readonly LoadPoint[], x: Scale): string[] {
  const slowest = Math.max(
    ...points.flatMap(({ latency }) => latency["p99"] ?? latency["p95"] ?? 0),
  );
  const decades = Math.max(1, Math.ceil(Math.log10(slowest)));
  const y: Scale = (ms) => upwards(LATENCIES, Math.log10(Math.max(ms, LOWEST_MS)) / decades);
  const grid = Array.from({ length: decades + 1 }, (_, i) => 10 ** i);
  return [
    text(LEFT, LATENCIES.top - 12, "time to the answer, ms"),
    ...grid.map((ms) => gridLine(y(ms), ms.toLocaleString("en-US"))),
    ...PERCENTILES.flatMap(({ key, name, colour }, i) => {
      const places = points.flatMap(({ fromSeconds, toSeconds, latency }) => {
        const ms = latency[key];
        return ms === undefined ? [] : [`${x((fromSeconds + toSeconds) / 2)} ${y(ms)}`];
      });
      if (places.length === 0) return [];
      const label = ` fill="${colour}" font-weight="bold"`;
      return [
        text(LEFT + 170 + 48 * i, LATENCIES.top - 12, name, label),
        `<path d="M${places.join("L")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ];
    }),
  ];
}

function seconds(until: number, x: Scale): string[] {
  const y = LATENCIES.top + LATENCIES.height + 18;
  const every = until > 120 ? 60 : 10;
  const marks = Array.from({ length: Math.floor(until / every) + 1 }, (_, i) => i * every);
  return marks.map((at) => text(x(at), y, `${at} s`, ' text-anchor="middle"'));
}

/** One run over its time, from the points that it has recorded, as an SVG. */
export function drawLoad(record: LoadRecord): string {
  const points = pointsOf(record.metrics);
  const until = points.at(-1)?.toSeconds;
  if (until === undefined) throw new Error("This run has recorded no points.");
  const x: Scale = (at) => round(LEFT + (WIDTH * at) / until);
  const [title = "", ...figures] = lineOf(record).split(" · ");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" width="${SIZE.width}" font-family="system-ui, sans-serif" font-size="12" fill="#333">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    text(LEFT, 30, title, ' font-size="17" font-weight="bold"'),
    ...arrivals(points, x, record.settings.rate),
    ...latencies(points, x),
    ...seconds(until, x),
    text(LEFT, SIZE.height - 34, figures.slice(0, FIGURES_IN_A_LINE).join(" · ")),
    text(LEFT, SIZE.height - 14, figures.slice(FIGURES_IN_A_LINE).join(" · ")),
    "</svg>\n",
  ].join("\n");
}
