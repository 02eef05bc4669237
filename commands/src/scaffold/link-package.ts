import { existsSync, lstatSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "local-stack/terminal/write-whole";

/** Links the new workspace as `npm ci` would, so that the next command need not install everything again. */
export function linkPackage(checkout: string, service: string): void {
  const modules = join(checkout, "node_modules");
  const link = join(modules, service);
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) {
    symlinkSync(join("..", service), link, "junction");
  }
  const installed = join(modules, ".package-lock.json");
  if (!existsSync(installed)) return;
  const lock = JSON.parse(readFileSync(installed, "utf8")) as { packages: Record<string, object> };
  lock.packages[`node_modules/${service}`] = { resolved: service, link: true };
  writeWhole(installed, `${JSON.stringify(lock, null, 2)}\n`);
}
