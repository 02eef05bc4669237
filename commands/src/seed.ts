import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { findShop, shopToken } from "local-stack/launcher/find-shop";
import { say } from "local-stack/terminal/say";
import { seedProducts, type MockProduct } from "./seed-products.ts";

try {
  const mock = readFileSync(join(CHECKOUT, "mock", "products.json"), "utf8");
  const products = JSON.parse(mock) as MockProduct[];
  const { created, there } = await seedProducts(findShop(), products, shopToken());
  say(`${created} products created, ${there} were there already.`);
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
