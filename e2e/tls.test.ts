import { execFileSync } from "node:child_process";
import { chmodSync, chownSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { startServiceProcess } from "@shop/test-support/service-process";
import { connectSql } from "@shop/test-support/sql";
import { lastingPorts } from "local-stack/processes/ports";
import { startPostgres } from "local-stack/servers/postgres";
import { postgresUser } from "local-stack/servers/postgres-cluster";
import { startRabbitmq } from "local-stack/servers/rabbitmq";
import { startRedis } from "local-stack/servers/redis";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

/** Both services on servers that show certificates, signed by an authority of this test. */
type Servers = Awaited<ReturnType<typeof startServers>>;
let servers: Servers;

beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.stop());

const openssl = (folder: string, ...args: string[]): void => {
  execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
};

/** A throw-away authority, and a certificate of its for this machine. */
async function makeCertificates(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "certificates-"));
  const key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
  for (const name of ["authority", "other"]) {
    const to = ["-keyout", `${name}.key`, "-out", `${name}.pem`, "-subj", `/CN=${name}`];
    openssl(folder, "req", "-x509", ...key, ...to);
  }
  const signed = ["-CA", "authority.pem", "-CAkey", "authority.key"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const to = ["-keyout", "server.key", "-out", "server.pem"];
  openssl(folder, "req", "-x509", ...key, ...signed, ...names, ...to);
  const user = postgresUser();
  chmodSync(folder, 0o755);
  if (user) chownSync(join(folder, "server.key"), user.uid, user.gid);
  return folder;
}

async function startServers() {
  const folder = await makeCertificates();
  const [certificate, key, authority, other] = [
    "server.pem",
    "server.key",
    "authority.pem",
    "other.pem",
  ].map((name) => join(folder, name)) as [string, string, string, string];
  const [redisPort, rabbitmqPort] = await lastingPorts(2);
  const [postgres, redis, rabbitmq] = await Promise.all([
    startPostgres({
      databases: [{ name: "products" }, { name: "orders" }],
      settings: { ssl: "on", ssl_cert_file: certificate, ssl_key_file: key },
    }),
    startRedis({
      settings: [
        `tls-port ${redisPort}`,
        `tls-cert-file ${certificate}`,
        `tls-key-file ${key}`,
        `tls-ca-cert-file ${authority}`,
        "tls-auth-clients no",
      ],
    }),
    startRabbitmq({
      settings: [
        `listeners.ssl.default = 127.0.0.1:${rabbitmqPort}`,
        `ssl_options.cacertfile = ${authority}`,
        `ssl_options.certfile = ${certificate}`,
        `ssl_options.keyfile = ${key}`,
      ],
    }),
  ]);
  const secure = (url: string, protocol: string, port = new URL(url).port): string => {
    const { username, password, pathname } = new URL(url);
    return `${protocol}://${username}:${password}@localhost:${port}${pathname}`;
  };
  const environment = (database: string, ca: string) => ({
    NODE_ENV: "test",
    NODE_EXTRA_CA_CERTS: ca,
    DATABASE_URL: `${secure(`${postgres.url}/${database}`, "postgres")}?sslmode=verify-full`,
    REDIS_URL: secure(redis.url, "rediss", `${redisPort}`),
    RABBITMQ_URL: secure(rabbitmq.url, "amqps", `${rabbitmqPort}`),
  });
  return {
    environment,
    authority,
    other,
    sql: connectSql(`${postgres.url}/postgres`),
    stop: async () => {
      await servers.sql.end();
      await Promise.all([postgres.stop(), redis.stop(), rabbitmq.stop()]);
      await rm(folder, { recursive: true });
    },
  };
}

const checksOf = async (url: string): Promise<Record<string, string>> =>
  (await call(`${url}/health/ready`)).body.checks;

test("settles an order over verify-full, rediss and amqps, every connection encrypted", async () => {
  const { environment, authority, sql } = servers;
  const product = await startServiceProcess("product-service", environment("products", authority));
  onTestFinished(() => void product.end("SIGKILL"));
  const order = await startServiceProcess("order-service", {
    ...environment("orders", authority),
    PRODUCT_SERVICE_URLS: product.url,
  });
  onTestFinished(() => void order.end("SIGKILL"));
  for (const { url } of [product, order]) {
    await eventually(async () =>
      expect(Object.values(await checksOf(url))).toEqual(["ok", "ok", "ok", "ok"]),
    );
  }
  const { body } = await call(`${product.url}/products`, {
    body: { name: "Laptop", price: 10, qty: 5 },
  });
  const placed = await call(`${order.url}/orders`, { body: { productId: body.id, qty: 2 } });
  await eventually(async () => {
    const now = await call(`${order.url}/orders/${placed.body.id}`);
    expect(now.body.status).toBe("done");
  });
  const connections = await sql<{ ssl: boolean }>(
    `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
     WHERE application_name LIKE '%-service'`,
  );
  expect(connections).toEqual([{ ssl: true }]);
});

test("refuses servers with certificates of another authority", async () => {
  const { environment, other } = servers;
  const service = await startServiceProcess("product-service", environment("products", other));
  onTestFinished(() => void service.end("SIGKILL"));
  for (const msg of ["waiting for the database", "waiting for the broker", "redis is not there"]) {
    await eventually(() => {
      const said = service.lines.filter((line) => line.includes(msg));
      expect(said.join("\n")).toMatch(/self-signed certificate|unable to verify/);
    });
  }
  expect(await checksOf(service.url)).toEqual({
    database: "down",
    broker: "degraded",
    consumers: "degraded",
    redis: "degraded",
  });
});
