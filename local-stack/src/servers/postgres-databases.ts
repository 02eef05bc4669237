import { Client, escapeIdentifier, escapeLiteral } from "pg";
import { ownerOf, type PasswordOf } from "./accounts.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 60_000;

export interface NewDatabase {
  readonly name: string;
  /** Whose it is: it gets an account that owns the database and changes its tables, and one that only uses them. */
  readonly service?: string | undefined;
}

/** Makes the databases and accounts that are missing, and gives every account its password. `url` is the operator's. */
export async function createDatabases(
  url: string,
  databases: readonly NewDatabase[],
  passwordOf: PasswordOf,
): Promise<void> {
  await withClient(`${url}/postgres`, async (client) => {
    for (const database of databases) await createDatabase(client, database, passwordOf);
  });
}

const EARLIER_PASSWORD = "shop";

/** For data of an earlier version: the operator gets this password, and the tables go to the accounts that own them now. */
export async function adoptEarlierData(
  url: string,
  databases: readonly NewDatabase[],
  passwordOf: PasswordOf,
): Promise<void> {
  const earlier = new URL(url);
  const { password } = earlier;
  earlier.password = EARLIER_PASSWORD;
  const asOperator = escapeIdentifier(earlier.username);
  await withClient(`${earlier.href}/postgres`, (client) =>
    client.query(`ALTER ROLE ${asOperator} PASSWORD ${escapeLiteral(password)}`),
  );
  await createDatabases(url, databases, passwordOf);
  for (const { name, service } of databases) {
    if (service === undefined) continue;
    await withClient(`${url}/${name}`, async (client) => {
      const { rows } = await client.query(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
      );
      for (const { tablename } of rows as { tablename: string }[]) {
        const owner = escapeIdentifier(ownerOf(service));
        await client.query(`ALTER TABLE ${escapeIdentifier(tablename)} OWNER TO ${owner}`);
      }
    });
  }
}

async function withClient(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
  });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function createDatabase(
  client: Client,
  { name, service }: NewDatabase,
  passwordOf: PasswordOf,
): Promise<void> {
  const database = escapeIdentifier(name);
  const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${database} TEMPLATE template0`);
  if (service === undefined) return;
  for (const account of [ownerOf(service), service]) await setAccount(client, account, passwordOf);
  await client.query(`ALTER DATABASE ${database} OWNER TO ${escapeIdentifier(ownerOf(service))}`);
  // By default everybody may connect, and make temporary tables.
  await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
  await client.query(`GRANT CONNECT ON DATABASE ${database} TO ${escapeIdentifier(service)}`);
}

async function setAccount(client: Client, account: string, passwordOf: PasswordOf) {
  const { rowCount } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [account]);
  const verb = rowCount === 0 ? "CREATE" : "ALTER";
  const password = escapeLiteral(passwordOf(account));
  await client.query(`${verb} ROLE ${escapeIdentifier(account)} LOGIN PASSWORD ${password}`);
}
