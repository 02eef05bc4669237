import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "./checkout.ts";
import { withEnvFile } from "./env-file.ts";
import { say } from "./say.ts";
import { seedProducts, type MockProduct } from "./seed-products.ts";
import { shopUrl } from "./shop-url.ts";

const environment = withEnvFile(join(CHECKOUT, ".env"), process.env);

// Without the gateway product-service itself will do.
const SELLS_PRODUCTS = ["gateway", "product-service"];

try {
  const mock = readFileSync(join(CHECKOUT, "mock", "products.json"), "utf8");
  const products = JSON.parse(mock) as MockProduct[];
  const url = shopUrl(environment["SHOP_URL"], SELLS_PRODUCTS);
  const { created, there } = await seedProducts(url, products, environment["SHOP_TOKEN"]);
  say(`${created} products created, ${there} were there already.`);
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
