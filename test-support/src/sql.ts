import { Pool } from "pg";

export interface Sql {
  <Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  end(): Promise<void>;
}

/** A test's own look into a database, beside the service's. */
export function connectSql(url: string): Sql {
  const pool = new Pool({ connectionString: url, max: 2 });
  pool.on("error", () => undefined);
  const query = async (text: string, values?: unknown[]) => (await pool.query(text, values)).rows;
  return Object.assign(query, { end: () => pool.end() }) as Sql;
}
