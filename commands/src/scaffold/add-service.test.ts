import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { expect, onTestFinished, test } from "vitest";
import { addService } from "./add-service.ts";

const MOST_FILES_OUTSIDE = 12;
const SHIPPING = { name: "shipping", item: "shipment", redis: false };

/** What the command reads and changes. */
const PARTS = [
  "shared-contracts/src",
  "local-stack/src/servers",
  "local-stack/src/terminal",
  "local-stack/.env.example",
  "gateway/src/routes.ts",
  "gateway/.env.example",
  "deploy/compose",
  "docker-compose.yml",
  "docs/events.md",
  "docs/configuration.md",
  "postman/order-system.postman_collection.json",
  "package-lock.json",
];

/** A copy of this checkout, with all of its files' texts as `read` finds them. */
async function copyOfCheckout() {
  const copy = await mkdtemp(join(tmpdir(), "shop-copy-"));
  onTestFinished(() => rm(copy, { recursive: true }));
  for (const part of PARTS) cpSync(join(CHECKOUT, part), join(copy, part), { recursive: true });
  const read = (): Map<string, string> => {
    const entries = readdirSync(copy, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const paths = files.map(({ parentPath, name }) => join(parentPath, name));
    return new Map(paths.map((path) => [path, readFileSync(path, "utf8")]));
  };
  return { copy, read };
}

test.each([false, true])(
  "adds a service (Redis: %s) with few changes outside its folder",
  async (redis) => {
    const { copy, read } = await copyOfCheckout();
    const before = read();
    const { undo, paths } = addService(copy, { ...SHIPPING, redis });
    const outside = paths.filter((path) => !path.includes(join(copy, "shipping-service")));
    expect(outside.length).toBeLessThanOrEqual(MOST_FILES_OUTSIDE);
    const compose = readFileSync(join(copy, "docker-compose.yml"), "utf8");
    expect(compose.includes("shipping-redis:")).toBe(redis);
    expect(compose).toContain("^(shipping-service[.]order-updated[.]dead)$$");
    undo();
    expect(read()).toEqual(before);
  },
);

test("adds a second service beside the first", async () => {
  const { copy } = await copyOfCheckout();
  addService(copy, SHIPPING);
  addService(copy, { name: "billing", item: "invoice", redis: true });
  const registry = readFileSync(join(copy, "shared-contracts/src/services.ts"), "utf8");
  expect(registry.match(/port: \d+/g)).toEqual([
    "port: 3001",
    "port: 3002",
    "port: 3003",
    "port: 3004",
  ]);
});

test.each([
  [{ name: "Shipping" }, '"Shipping" must be one word'],
  [{ name: "ship-ping" }, '"ship-ping" must be one word'],
  [{ item: "../x" }, '"../x" must be one word'],
  [{ name: "" }, '"" must be one word'],
  [{ name: "order" }, "order-service exists"],
  [{ item: "money" }, "shared-contracts/src/money.ts exists"],
])("refuses %j and writes nothing", async (wrong, message) => {
  const { copy, read } = await copyOfCheckout();
  mkdirSync(join(copy, "order-service"));
  const before = read();
  expect(() => addService(copy, { ...SHIPPING, ...wrong })).toThrow(message);
  expect(read()).toEqual(before);
});

test("names the file that it can't change, and leaves everything as it was", async () => {
  const { copy, read } = await copyOfCheckout();
  const tls = join(copy, "deploy/compose/tls.yml");
  writeFileSync(tls, "services:\n");
  const before = read();
  expect(() => addService(copy, SHIPPING)).toThrow(/^deploy\/compose\/tls\.yml: there is no place/);
  expect(read()).toEqual(before);
});
