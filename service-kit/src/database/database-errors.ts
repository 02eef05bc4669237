import { QueryFailedError, QueryRunnerAlreadyReleasedError, TypeORMError } from "typeorm";

/**
 * SQLSTATE classes of the data itself: exceptions in a value (22) and broken constraints (23). The rest, from a lost
 * connection to a table that a migration has yet to make, is not the fault of what was being stored.
 */
const DATA_CLASSES = new Set(["22", "23"]);

/** What pg and its pool say in words only. */
const LOST_CONNECTION =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|Client .* is not queryable|Cannot use a pool after calling end|connection timeout/i;

/** Whether the database, and not the data, is in the way: the same work may succeed later. */
export function isDatabaseTrouble(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable || error instanceof QueryRunnerAlreadyReleasedError)
    return true;
  if (!(error instanceof Error)) return false;

  const code: unknown = (error as { code?: unknown }).code;
  if (typeof code === "string") {
    if (/^[0-9A-Z]{5}$/.test(code)) return !DATA_CLASSES.has(code.slice(0, 2));
    // Whatever the operating system refuses: a connection, a file descriptor, an address. `ERR_` is Node's own.
    if (/^E(?!RR_)[A-Z_]+$/.test(code)) return true;
  }
  if (LOST_CONNECTION.test(error.message)) return true;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseTrouble);
  if (error instanceof QueryFailedError) return isDatabaseTrouble(error.driverError);
  return error instanceof TypeORMError && /not initialized|not connected/i.test(error.message);
}

/** The account has no right to do this. */
export const isForbidden = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "42501";

/** Another transaction had locked a row, a key or a whole table for longer than the lock timeout. */
export const isLockTimeout = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && error.code === "55P03";

/** The same, of a row or a key only: with those PostgreSQL says where it waited. */
export const isRowLockTimeout = (error: unknown): boolean =>
  isLockTimeout(error) && "where" in error && error.where !== undefined;

/** A statement before this one has failed, and with it the transaction. */
export const isAbortedTransaction = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "25P02";

/** A row with this key is there already. */
export const isUniqueViolation = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "23505";

const REFUSALS: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "57P03"]);

/** No server listens there, or it is still starting. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof Error && "code" in error && REFUSALS.has(error.code);

/** Before the first connection, after the last, or while the server refuses connections. */
export class DatabaseUnavailable extends Error {
  override readonly name = "DatabaseUnavailable";

  constructor() {
    super("the database is not available");
  }
}
