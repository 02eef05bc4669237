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
