/** Cells side by side, as the formatter would have them, so that what is generated passes its check. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, at) => Math.max(3, ...cells.map((row) => widthOf(row[at] ?? ""))));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell + " ".repeat(widths[at]! - widthOf(cell))).join(" | ")} |`;
  const [first = [], ...others] = cells;
  return [line(first), line(widths.map((width) => "-".repeat(width))), ...others.map(line)].join(
    "\n",
  );
}

const widthOf = (text: string): number => Array.from(text).length;

export const code = (text: string): string => `\`${text}\``;

/** Says where it comes from: whoever wants to change it has to change that. */
export const written = (from: string, parts: readonly string[]): string =>
  `${[`<!-- Written by \`npm run docs\` from ${from}. Changes here are lost. -->`, ...parts].join("\n\n")}\n`;
