import { runCommandLine } from "./command.ts";

// Not before the build: it stands on the contracts and the kit.
await runCommandLine(
  async () => (await import("./compare/orders-compare.ts")).ordersCompareCommand,
);
