import { closeSync, mkdirSync, openSync, fstatSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

// A log and its predecessor together never take more than twice this.
const MAX_LOG_BYTES = 10 * 1024 * 1024;

export interface LogFile {
  write(text: string | Buffer): void;
  close(): void;
}

export function openLogFile(path: string, maxBytes = MAX_LOG_BYTES): LogFile {
  mkdirSync(dirname(path), { recursive: true });
  let file = openSync(path, "a");
  let size = fstatSync(file).size;
  let open = true;

  return {
    write(text) {
      if (!open) return;
      if (size > maxBytes) {
        closeSync(file);
        renameSync(path, `${path}.1`);
        file = openSync(path, "a");
        size = 0;
      }
      size += typeof text === "string" ? writeSync(file, text) : writeSync(file, text);
    },
    close() {
      if (open) closeSync(file);
      open = false;
    },
  };
}
