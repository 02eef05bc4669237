import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/[/\\]$/, "");

/** Data, logs and the list of what runs; ignored by git, safe to remove while nothing runs. */
export const stateFolder = (checkout: string) => join(checkout, ".local-stack");
