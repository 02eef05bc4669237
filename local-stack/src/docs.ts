import { join } from "node:path";
import { build } from "./build.ts";
import { CHECKOUT } from "./checkout.ts";
import { STOPPED } from "./exit-codes.ts";
import { say } from "./say.ts";
import { listenForStop } from "./stop-signals.ts";
import { writeWhole } from "./write-whole.ts";

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
