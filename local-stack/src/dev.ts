import { join } from "node:path";
import { CHECKOUT } from "./checkout.ts";
import { withEnvFile } from "./env-file.ts";
import { launch } from "./launcher.ts";
import { sayMisspelledNames } from "./misspelled-names.ts";
import { PROGRAMS, unbundled } from "./programs.ts";
import { restartOnChange } from "./restart-on-change.ts";

const programs = PROGRAMS.map(unbundled);
sayMisspelledNames(CHECKOUT);
const env = withEnvFile(join(CHECKOUT, ".env"), process.env);
process.exitCode = await launch({
  checkout: CHECKOUT,
  programs,
  env,
  whileRunning: (running, signal) =>
    restartOnChange({
      checkout: CHECKOUT,
      programs,
      running: running.programs,
      signal,
    }),
});
