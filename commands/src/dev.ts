import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { withEnvFile } from "local-stack/launcher/env-file";
import { launch } from "local-stack/launcher/launcher";
import { sayMisspelledNames } from "local-stack/launcher/misspelled-names";
import { PROGRAMS, unbundled } from "local-stack/programs/programs";
import { restartOnChange } from "local-stack/programs/restart-on-change";

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
