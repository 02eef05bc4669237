import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { withEnvFile } from "local-stack/launcher/env-file";
import { launch } from "local-stack/launcher/launcher";
import { sayMisspelledNames } from "local-stack/launcher/misspelled-names";
import { PROGRAMS } from "local-stack/programs/programs";

sayMisspelledNames(CHECKOUT);
const env = withEnvFile(join(CHECKOUT, ".env"), process.env);
process.exitCode = await launch({ checkout: CHECKOUT, programs: PROGRAMS, env });
