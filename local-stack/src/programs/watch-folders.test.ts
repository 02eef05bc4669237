import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { testFolder } from "../processes/temporary-folder.fixture.ts";
import { watchFolders } from "./watch-folders.ts";

test("When files are replaced, or changed in folders that are new, then each change is seen", async () => {
  const root = await testFolder("watch");
  const file = join(root, "main.ts");
  writeFileSync(file, "1");
  let changes = 0;
  onTestFinished(watchFolders([root], () => (changes += 1)));
  const isSeen = async (change: () => void) => {
    const before = changes;
    change();
    await expect.poll(() => changes).toBeGreaterThan(before);
  };

  await isSeen(() => {
    writeFileSync(`${file}.tmp`, "2");
    renameSync(`${file}.tmp`, file);
  });
  await isSeen(() => writeFileSync(file, "3"));
  await isSeen(() => mkdirSync(join(root, "new")));
  await isSeen(() => writeFileSync(join(root, "new", "other.ts"), "4"));
});
