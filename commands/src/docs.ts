import { join } from "node:path";
import { build } from "local-stack/programs/build";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { STOPPED } from "local-stack/terminal/exit-codes";
import { say } from "local-stack/terminal/say";
import { listenForStop } from "local-stack/terminal/stop-signals";
import { writeWhole } from "local-stack/terminal/write-whole";

const { signal, ignore } = listenForStop();
try {
  await build(CHECKOUT, ["shared-contracts"], signal);
  // Not before: they read the contracts as they were built.
  const { DOCUMENTS } = await import("./reference/documents.ts");
  for (const [path, write] of Object.entries(DOCUMENTS)) {
    writeWhole(join(CHECKOUT, path), write());
    say(path);
  }
} catch (error) {
  if (!signal.aborted) say((error as Error).message);
  process.exitCode = signal.aborted ? STOPPED : 1;
} finally {
  ignore();
}
