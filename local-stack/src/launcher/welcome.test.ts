import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { SERVICE_NAMES, SERVICES } from "@shop/contracts/services";
import { CHECKOUT } from "../terminal/checkout.ts";
import { readConfig } from "./config.ts";
import { findOnPath } from "../servers/find-server.ts";
import { PROGRAMS } from "../programs/programs.ts";
import { addressesToOpen, firstRequests } from "./welcome.ts";

const SHELLS = ["sh", "bash", "zsh"].filter((name) => findOnPath(name) !== null);
const ID = 4711;

/** What a shop is asked, as far as it matters here: method, path and body. */
async function startShop() {
  const asked: string[] = [];
  const shop = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${body}`.trim());
      response.end(
        `{"success":true,"data":{"id":${ID},"name":"Espresso cup","qty":100},"meta":{}}`,
      );
    });
  });
  await once(shop.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void shop.close());
  return { asked, address: `127.0.0.1:${(shop.address() as AddressInfo).port}` };
}

async function run(shell: string, lines: string): Promise<void> {
  await once(spawn(shell, ["-c", lines]), "exit");
}

test.each(SHELLS)(
  "the requests to try order the product that they created, in %s",
  async (shell) => {
    const { asked, address } = await startShop();
    await run(shell, firstRequests({ gateway: `http://${address}` }).join("\n"));
    expect(asked).toEqual([
      `POST /products {"name":"Espresso cup","price":9.5,"qty":100}`,
      `POST /orders {"productId":${ID},"qty":2}`,
      `GET /orders/product/${ID}`,
    ]);
  },
);

test.each(SHELLS)("README's requests order the product that they created, in %s", async (shell) => {
  const { asked, address } = await startShop();
  const readme = readFileSync(join(CHECKOUT, "README.md"), "utf8");
  const [, lines = ""] = /## Try it[^]*?```bash\n([^]*?)```/.exec(readme) ?? [];
  await run(shell, lines.replaceAll("localhost:4000", address));
  expect(asked).toEqual([
    `POST /products {"name":"Laptop Pro","price":1999.99,"qty":25}`,
    `POST /orders {"productId":${ID},"qty":2}`,
    `GET /products/${ID}-with-orders`,
  ]);
});

test("the start ends with every address that one may open", () => {
  const config = readConfig({ PORT_OFFSET: "100", RABBITMQ_MANAGEMENT_PORT: "21680" }, PROGRAMS);
  expect(addressesToOpen({ gateway: "http://127.0.0.1:4100" }, PROGRAMS, config)).toEqual([
    ["shop", "http://127.0.0.1:4100"],
    ["API reference", "http://127.0.0.1:4100/docs"],
    ["RabbitMQ management", "http://127.0.0.1:21680"],
    ...SERVICE_NAMES.map((name) => [
      `metrics of ${name}`,
      `http://127.0.0.1:${SERVICES[name].port + 100}/metrics`,
    ]),
    ["metrics of gateway", "http://127.0.0.1:4200/metrics"],
  ]);
  const plain = addressesToOpen({}, PROGRAMS, readConfig({}, PROGRAMS));
  expect(plain.map(([what]) => what)).not.toContain("RabbitMQ management");
});
