import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { drawLoad } from "./load-picture.ts";
import { newestRecordFile, readRecord } from "./record-files.ts";

const SCRIPT = "orders";
const IMAGE = join("docs", "images", `k6-${SCRIPT}.svg`);

/** Draws the last run of orders for the README. */
export function drawNewest(folder: string): string {
  const file = newestRecordFile(folder, SCRIPT);
  const record = file === undefined ? null : readRecord(join(folder, file));
  if (record === null) throw new Error(`No run to draw: npm run load -- ${SCRIPT} makes one.`);
  const path = join(CHECKOUT, IMAGE);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, drawLoad(record));
  return `${file} is drawn in ${IMAGE}`;
}
