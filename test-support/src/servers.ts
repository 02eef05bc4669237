import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { inject } from "vitest";

/** A database of the caller's own, on the PostgreSQL of this test run. */
export async function createDatabase(): Promise<string> {
  const url = new URL(inject("postgresUrl"));
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  const client = new Client({ connectionString: new URL("/postgres", url).href });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return new URL(`/${name}`, url).href;
}

/** An account that may connect to a database, and nothing more, as a service's before its tables are made. Hands back the URL for it. */
export async function createAccount(databaseUrl: string): Promise<string> {
  const url = new URL(databaseUrl);
  url.username = `service_${crypto.randomUUID().replaceAll("-", "")}`;
  url.password = "a-service";
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`CREATE ROLE ${url.username} LOGIN PASSWORD '${url.password}'`);
  await client.query(`REVOKE ALL ON DATABASE ${url.pathname.slice(1)} FROM PUBLIC`);
  await client.query(`GRANT CONNECT ON DATABASE ${url.pathname.slice(1)} TO ${url.username}`);
  await client.end();
  return url.href;
}

/** The same vhost for one of the services. */
export const asService = (brokerUrl: string, service: string): string => {
  const url = new URL(brokerUrl);
  url.username = service;
  url.password = inject("brokerPasswords")[service]!;
  return url.href;
};

/** A vhost of the caller's own, on the RabbitMQ of this test run. */
export async function claimVhost(): Promise<string> {
  for (let number = 0; number < inject("vhosts"); number += 1) {
    const name = `vhost-${number}`;
    const claimed = await mkdir(join(inject("claims"), name)).then(
      () => true,
      () => false,
    );
    if (claimed) return new URL(`/${name}`, inject("rabbitmqUrl")).href;
  }
  throw new Error("all vhosts are taken: raise VHOSTS in global-setup.ts");
}
