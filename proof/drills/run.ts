import { build } from "../../local-stack/src/programs/build.ts";
import { CHECKOUT } from "../../local-stack/src/terminal/checkout.ts";

try {
  // The drills stand on the contracts, and the on-call commands that they run on the kit: a fresh clone has built neither.
  await build(CHECKOUT, ["shared-contracts", "service-kit"], new AbortController().signal);
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(3));
} catch (error) {
  // The launcher's own lines go to a file by now.
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
