import { launch } from "./launcher.ts";

// A checkout of one tiny program, for launcher.test.ts: node launcher.fixture.ts <folder>
const [checkout = ""] = process.argv.slice(2);
process.exitCode = await launch({
  checkout,
  env: process.env,
  programs: [
    {
      name: "tiny",
      folder: "tiny",
      dependsOn: [],
      port: { variable: "TINY_PORT", number: 0 },
      env: ({ servers }) => ({ REDIS_URL: servers["order-redis"] }),
    },
  ],
});
