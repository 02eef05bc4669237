import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "local-stack/programs/build";
import { CHECKOUT } from "local-stack/terminal/checkout";

// orders:stuck, orders:compare and dead-letters, as their image runs them.
await build(CHECKOUT, ["operations"], new AbortController().signal);
await import(pathToFileURL(join(CHECKOUT, "operations", "dist", "main.js")).href);
