// Plain JavaScript, as bootstrap.mjs, which reads it before any package is there.

/**
 * Every command, as `npm start` or `npm run NAME -- ARGUMENTS`. A command with `helpBy` prints its own usage when it gets these
 * arguments.
 */
export const COMMANDS = {
  start: { entry: "commands/src/start.ts", does: "starts everything; Ctrl-C stops it" },
  dev: { entry: "commands/src/dev.ts", does: "as npm start, and restarts what you change" },
  status: { entry: "commands/src/status.ts", does: "shows what runs here, and where" },
  seed: { entry: "commands/src/seed.ts", does: "creates some products to play with" },
  url: {
    entry: "commands/src/url.ts",
    args: "product-db|order-db|product-redis|order-redis|rabbitmq",
    does: "prints the URL of a server",
  },
  load: {
    entry: "k6-tests/src/run-load.ts",
    does: "runs load tests with k6",
    helpBy: [],
  },
  postman: {
    entry: "postman/run.ts",
    args: "[URL of the gateway]",
    does: "sends every request of the Postman collection",
  },
  "orders:stuck": {
    entry: "commands/src/operations.ts",
    does: "shows orders that stay pending, and why",
    helpBy: ["--help"],
  },
  "orders:compare": {
    entry: "commands/src/operations.ts",
    does: "compares the orders of both services",
    helpBy: ["--help"],
  },
  "dead-letters": {
    entry: "commands/src/operations.ts",
    does: "lists, shows, replays and discards dead-lettered messages",
    helpBy: ["--help"],
  },
  drills: {
    entry: "proof/drills/run.ts",
    does: "kills and cuts every part under load, and looks for lost orders",
    helpBy: ["--list"],
  },
  test: {
    entry: "commands/src/run-tests.ts",
    args: "[PATTERN…]",
    does: "runs all tests, or the files whose path has a pattern in it",
  },
  check: {
    entry: "commands/src/check.ts",
    does: "checks types, lint, format and unused code",
  },
  fuzz: {
    entry: "commands/src/fuzz.ts",
    args: "[URL of the gateway] [--seed 7] [--examples 50]",
    does: "runs Schemathesis against the shop",
  },
  clients: {
    entry: "commands/src/clients.ts",
    does: "runs Postman, the k6 smoke test and Schemathesis on a system of their own",
  },
  docs: { entry: "commands/src/docs.ts", does: "writes the generated documents" },
  bench: {
    entry: "proof/bench/run-bench.ts",
    args: "[--list] [--only NAME]… [--big] [--rounds 3] [--seconds 10] [--no-write]",
    does: "measures orders, reads and the gateway beside its peers",
  },
  "new:service": {
    entry: "commands/src/new-service.ts",
    args: "NAME [--item ITEM] [--redis]",
    does: "writes a working service: npm run new:service -- shipping --item shipment",
  },
  "docker:proof": {
    entry: "proof/compose/proof.ts",
    does: "starts the compose file, kills each part and sees orders settle again",
  },
};

/** A line for each command. */
export function listOfCommands() {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  return Object.entries(COMMANDS)
    .map(([name, { does }]) => `  ${name.padEnd(width)}  ${does}`)
    .join("\n");
}

export function usageOf(name) {
  const { args, does } = COMMANDS[name];
  const call = name === "start" || name === "test" ? `npm ${name}` : `npm run ${name}`;
  return `${args === undefined ? call : `${call} -- ${args}`}\n  ${does}`;
}
