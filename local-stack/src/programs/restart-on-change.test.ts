import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { CHECKOUT } from "../terminal/checkout.ts";
import { restartOnChange } from "./restart-on-change.ts";
import { sayTo } from "../terminal/say.ts";
import { testFolder } from "../processes/temporary-folder.fixture.ts";

const WITHIN = { timeout: 15_000 };

test("When a file is saved, then a line names it, and another says what restarted", async () => {
  const checkout = await testFolder("dev");
  const source = join(checkout, "tiny", "src", "order.ts");
  mkdirSync(join(checkout, "tiny", "src"), { recursive: true });
  symlinkSync(join(CHECKOUT, "node_modules"), join(checkout, "node_modules"));
  writeFileSync(join(checkout, "package.json"), '{"type":"module"}');
  const compilerOptions = { rootDir: "src", outDir: "dist", module: "nodenext", composite: true };
  writeFileSync(join(checkout, "tiny", "tsconfig.json"), JSON.stringify({ compilerOptions }));
  const said: string[] = [];
  onTestFinished(sayTo((line) => void said.push(line)));
  const tiny = {
    name: "tiny",
    folder: "tiny",
    dependsOn: [],
    port: { variable: "TINY_PORT", number: 1 },
    env: () => ({}),
  };
  const stop = new AbortController();
  const watching = restartOnChange({
    checkout,
    programs: [tiny],
    running: [],
    signal: stop.signal,
  });
  await expect.poll(() => said, WITHIN).toContain("Watching for changes.");

  writeFileSync(source, "export type Nothing = undefined;");

  await expect.poll(() => said, WITHIN).toContain("order.ts changed, building …");
  await expect
    .poll(() => said.join("\n"), WITHIN)
    .toMatch(/tiny restarted, \d+\.\d s after the change\./);
  stop.abort();
  await watching;
});
