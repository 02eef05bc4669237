import { Client } from "pg";

const CONNECT_LIMIT_MS = 3_000;
const STATEMENT_LIMIT_MS = 10_000;

/** Statements on a connection of its own, on which nothing can be changed. */
export async function askDatabase<T>(
  url: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    connectionString: url,
    application_name: "operations",
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: STATEMENT_LIMIT_MS,
    query_timeout: STATEMENT_LIMIT_MS + CONNECT_LIMIT_MS,
    options: "-c default_transaction_read_only=on",
  });
  // Whoever waits for an answer hears of it as well; without a listener it would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
