import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { ProgressReporter } from "./test-support/src/progress-reporter.ts";
import { TIME_FACTOR } from "./test-support/src/time-factor.ts";

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // Sources, not builds: tests need no build, and coverage counts the lines that were written.
    alias: [
      { find: /^@shop\/contracts\/(.*)$/, replacement: folder("./shared-contracts/src/$1.ts") },
      { find: /^@shop\/service-kit\/(.*)$/, replacement: folder("./service-kit/src/$1.ts") },
      { find: /^@shop\/test-support\/(.*)$/, replacement: folder("./test-support/src/$1.ts") },
      { find: /^operations\/(.*)$/, replacement: folder("./operations/src/$1.ts") },
      { find: /^commands\/(.*)$/, replacement: folder("./commands/src/$1.ts") },
      { find: /^local-stack\/(.*)$/, replacement: folder("./local-stack/src/$1.ts") },
    ],
  },
  test: {
    include: ["{*/src,deploy,proof,e2e,postman}/**/*.test.ts"],
    globalSetup: ["./test-support/src/global-setup.ts"],
    // Three keep two cores busy, servers and programs included: with four or six the suite is no faster, and waits get longer than their limits.
    maxWorkers: 3,
    // Files bring their own data and servers, and share no state to isolate.
    isolate: false,
    testTimeout: 60_000 * TIME_FACTOR,
    hookTimeout: 60_000 * TIME_FACTOR,
    expect: { poll: { timeout: 10_000 * TIME_FACTOR } },
    reporters: [
      "minimal",
      new ProgressReporter(),
      ...(process.env["GITHUB_ACTIONS"] ? ["github-actions"] : []),
    ],
    coverage: {
      include: ["{shared-contracts,service-kit,*-service,gateway}/src/**/*.ts"],
      exclude: ["**/*.test.ts", "**/*.fixture.ts", "**/main.ts"],
      reporter: ["text-summary", "json-summary"],
      thresholds: {
        lines: 90,
        // Controllers, use cases, handlers: what decides about an order has no line that no test has seen.
        "*-service/src/**/*.ts": { lines: 100 },
      },
    },
  },
});
