import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { sayMisspelledNames, withEnvFile } from "local-stack/launcher/env-file";
import { launch } from "local-stack/launcher/launcher";
import { KNOWN_VARIABLES } from "./reference/configuration-reference.ts";
import { PROGRAMS, unbundled } from "local-stack/programs/programs";
import { restartOnChange } from "local-stack/programs/restart-on-change";

const programs = PROGRAMS.map(unbundled);
const file = join(CHECKOUT, ".env");
sayMisspelledNames(file, KNOWN_VARIABLES);
const env = withEnvFile(file, process.env);
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
