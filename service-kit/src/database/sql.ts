import type { Writable } from "node:stream";

/** What a statement needs: one function, one statement, rows back. */
export interface Sql {
  query<Row extends object = object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** What of a pg client is used here, beside TypeORM. */
export interface PgClient {
  query(statement: {
    text: string;
    values?: unknown[] | undefined;
    name?: string | undefined;
  }): Promise<{ rows: object[]; command: string }>;
  end(): Promise<void>;
  readonly connection: { readonly stream: Writable };
}

/** Statements are constants of the code; whatever goes beyond this is built at run time and not worth preparing. */
const MAX_PREPARED = 200;

const names = new Map<string, string>();

/** Each statement is parsed and planned once for each connection, under a name that stands for its text. */
function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= MAX_PREPARED) return known;
  const name = `s${names.size}`;
  names.set(text, name);
  return name;
}

/**
 * Statements on one connection. Those that are sent in the same turn go out in one packet, and come back in order; `onError` hears
 * of failures in that order.
 */
export function sqlOn(client: PgClient, onError?: (error: unknown) => void): Sql {
  return {
    query: async <Row extends object>(text: string, values?: readonly unknown[]) => {
      corkForThisTurn(client.connection.stream);
      const statement = { text, name: nameOf(text), values: values?.map(asParameter) };
      try {
        const { rows } = await client.query(statement);
        return rows as Row[];
      } catch (error) {
        onError?.(error);
        throw error;
      }
    },
  };
}

const asParameter = (value: unknown): unknown =>
  Array.isArray(value) ? (arrayLiteral(value) ?? value) : value;

/**
 * An array of texts, numbers and times as PostgreSQL reads it; nothing for an array with anything else in it, which is the client's to
 * write. The client runs two regular expressions over each element; here a text without quote or backslash is copied as it is.
 */
function arrayLiteral(values: readonly unknown[]): string | undefined {
  const elements = values.map(elementOf);
  return elements.includes(undefined) ? undefined : `{${elements.join(",")}}`;
}

function elementOf(value: unknown): string | undefined {
  if (value === null) return "NULL";
  if (typeof value === "number") return String(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== "string") return undefined;
  return /["\\]/.test(value) ? `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"` : `"${value}"`;
}

export function corkForThisTurn(stream: Writable): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}
