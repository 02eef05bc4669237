import { Pool } from "pg";

export interface Sql {
  <Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Does something while a transaction with this statement (and its locks) is open, and then ends it. */
  holding<T>(statement: string, work: () => Promise<T>, end?: "ROLLBACK" | "COMMIT"): Promise<T>;
  end(): Promise<void>;
}

/** A test's own look into a database, beside the service's. */
export function connectSql(url: string): Sql {
  const pool = new Pool({ connectionString: url, max: 2 });
  pool.on("error", () => undefined);
  const query = async (text: string, values?: unknown[]) => (await pool.query(text, values)).rows;
  const holding = async <T>(
    statement: string,
    work: () => Promise<T>,
    end = "ROLLBACK",
  ): Promise<T> => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await client.query(statement);
      return await work();
    } finally {
      await client.query(end);
      client.release();
    }
  };
  return Object.assign(query, { holding, end: () => pool.end() }) as Sql;
}
