import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { markStopped, newestRecordFile, readRecord, recordFile } from "./record-files.ts";
import { recordedText } from "./recorded.fixture.ts";

function folderWith(...files: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "load-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const file of files) writeFileSync(join(folder, file), recordedText("orders-k6-1"));
  return folder;
}

const file = (script: string, at: string) => recordFile(script, new Date(at));
const older = file("orders", "2026-11-20T09:59:59.999Z");
const newer = file("orders", "2026-11-20T10:00:00.000Z");

test("The newest run of a script is found, and one of another script is not taken for it", () => {
  const others = [
    file("reads", "2026-11-21T00:00:00Z"),
    file("orders-max", "2026-11-21T00:00:00Z"),
  ];
  expect(newestRecordFile(folderWith(newer, older, ...others), "orders")).toBe(newer);
  expect(newestRecordFile(folderWith(...others), "orders")).toBeUndefined();
  expect(newestRecordFile("/nowhere", "orders")).toBeUndefined();
});

test("When a run was stopped, then its record is kept, and is not the newest run", () => {
  const folder = folderWith(older, newer);
  expect(readRecord(markStopped(folder, newer))?.script).toBe("orders");
  expect(readRecord(join(folder, newer))).toBeNull();
  expect(newestRecordFile(folder, "orders")).toBe(older);
});
