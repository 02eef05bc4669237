import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { k6Command, SETTINGS, type Place } from "./k6-command.ts";
import { K6_TESTS } from "./scripts.ts";

const run = {
  script: "orders",
  scripts: "/shop/k6-tests",
  shop: "http://127.0.0.1:4000",
  token: "secret",
  folder: "/shop/.local-stack/load",
  file: "orders-1.json",
};
const docker = { kind: "docker", image: "grafana/k6:1" } as const;
const linux: Place = { platform: "linux", isTerminal: false, user: { uid: 7, gid: 8 } };

test("When k6 is a program, then it gets the script, and its settings in the environment", () => {
  const binary = { kind: "binary", path: "/bin/k6" } as const;
  expect(k6Command(binary, run, linux, { RATE: "5", TOKEN: "other" })).toEqual({
    command: "/bin/k6",
    args: ["run", "--no-usage-report", "/shop/k6-tests/orders.js"],
    env: {
      RATE: "5",
      TOKEN: "secret",
      GOGC: "200",
      BASE_URL: "http://127.0.0.1:4000",
      SUMMARY_FILE: "/shop/.local-stack/load/orders-1.json",
    },
  });
});

test("When the user sets how often Go collects, then that holds", () => {
  expect(k6Command(docker, run, linux, { GOGC: "100" }).args).toContain("GOGC=100");
});

test("When k6 is in a container on Linux, then it is in our network and writes as us", () => {
  const { command, args } = k6Command(docker, run, linux, { RATE: "5", HOME: "/root" });
  expect([command, ...args].join(" ")).toBe(
    "docker run --rm --network host --user 7:8 --volume /shop/k6-tests:/k6-tests:ro" +
      " --volume /shop/.local-stack/load:/load -e RATE=5 -e GOGC=200 -e BASE_URL=http://127.0.0.1:4000" +
      " -e SUMMARY_FILE=/load/orders-1.json -e TOKEN grafana/k6:1 run --no-usage-report /k6-tests/orders.js",
  );
});

test("When Docker is in a machine of its own, then our loopback has another name, and others keep theirs", () => {
  const mac: Place = { platform: "darwin", isTerminal: true, user: undefined };
  const { args } = k6Command(docker, run, mac, {});
  expect(args).toContain("BASE_URL=http://host.docker.internal:4000");
  expect(args).not.toContain("--network");
  expect(args).toContain("--tty");
  const elsewhere = { ...run, shop: "https://shop.test/base" };
  expect(k6Command(docker, elsewhere, mac, {}).args).toContain("BASE_URL=https://shop.test/base");
});

test("A token never stands on a command line", () => {
  const { args, env } = k6Command(docker, run, linux, {});
  expect(args.join(" ")).not.toContain("secret");
  expect(env["TOKEN"]).toBe("secret");
});

test("The container gets every setting that the scripts read", () => {
  const source = readFileSync(join(K6_TESTS, "parts", "settings.js"), "utf8");
  const read = [...source.matchAll(/__ENV\.([A-Z0-9_]+)|(?:positive|seconds)\("([A-Z0-9_]+)"/g)];
  const names = new Set(read.map(([, direct, named]) => direct ?? named));
  const runners = ["BASE_URL", "SUMMARY_FILE", "TOKEN"];
  expect(new Set([...SETTINGS, ...runners])).toEqual(names);
});
