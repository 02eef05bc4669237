import type { Table } from "./scenario-record.ts";

const MISSING = "–";

export function formatFigure(value: number | undefined, digits = 0): string {
  if (value === undefined || !Number.isFinite(value)) return MISSING;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** With more columns than this a table does not fit a page: each figure then gets a row, each contender a column. */
const MOST_COLUMNS = 9;

/** As oxfmt would write it: columns as wide as their widest cell, figures to the right. */
export function markdownTable(table: Table): string {
  const cells = cellsOf(table);
  return layOut(table.columns.length > MOST_COLUMNS ? turned(cells) : cells);
}

const cellsOf = ({ columns, rows }: Table): string[][] => [
  ["", ...columns.map(({ title }) => title)],
  ...rows.map(({ name, figures }) => [
    name,
    ...columns.map(({ key, digits }) => formatFigure(figures[key], digits)),
  ]),
];

const turned = (cells: readonly string[][]): string[][] =>
  cells[0]!.map((_, column) => cells.map((row) => row[column]!));

function layOut(cells: readonly string[][]): string {
  const widths = cells[0]!.map((_, column) =>
    Math.max(3, ...cells.map((row) => row[column]!.length)),
  );
  const line = (row: readonly string[]): string => {
    const padded = row.map((text, column) =>
      column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!),
    );
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  const [head, ...body] = cells;
  return [line(head!), `| ${rule.join(" | ")} |`, ...body.map(line)].join("\n");
}
