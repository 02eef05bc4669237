import { join } from "node:path";
import { CHECKOUT } from "./checkout.ts";
import { withEnvFile } from "./env-file.ts";
import { launch } from "./launcher.ts";
import { sayMisspelledNames } from "./misspelled-names.ts";
import { PROGRAMS } from "./programs.ts";

sayMisspelledNames(CHECKOUT);
const env = withEnvFile(join(CHECKOUT, ".env"), process.env);
process.exitCode = await launch({ checkout: CHECKOUT, programs: PROGRAMS, env });
