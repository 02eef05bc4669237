import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT, stateFolder } from "./checkout.ts";
import { withEnvFile } from "./env-file.ts";
import { processesPath, readProcessesFile } from "./processes-file.ts";
import { say } from "./say.ts";
import { seedProducts, type MockProduct } from "./seed-products.ts";

const environment = withEnvFile(join(CHECKOUT, ".env"), process.env);

/** The gateway if it runs, else product-service itself. */
function shopUrl(): string {
  const given = environment["SHOP_URL"];
  if (given) return given.replace(/\/$/, "");
  const running = readProcessesFile(processesPath(stateFolder(CHECKOUT)));
  const shop = ["gateway", "product-service"]
    .map((wanted) => running.find(({ name }) => name === wanted))
    .find((entry) => entry !== undefined);
  if (shop === undefined) {
    throw new Error(
      "Nothing runs here. Run npm start first, or set SHOP_URL to where the shop is.",
    );
  }
  return shop.url;
}

try {
  const mock = readFileSync(join(CHECKOUT, "mock", "products.json"), "utf8");
  const products = JSON.parse(mock) as MockProduct[];
  const { created, there } = await seedProducts(shopUrl(), products, environment["SHOP_TOKEN"]);
  say(`${created} products created, ${there} were there already.`);
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
