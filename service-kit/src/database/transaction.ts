import { isAbortedTransaction } from "./database-errors.ts";
import { corkForThisTurn, sqlOn, type PgClient, type Sql } from "./sql.ts";

export interface OpenTransaction {
  readonly sql: Sql;
  /**
   * For a statement whose answer is not needed before the commit: it is sent without waiting for it, and when it fails the
   * transaction fails.
   */
  readonly alongside: (statement: Promise<unknown>) => void;
}

/**
 * Runs `work` between BEGIN and COMMIT, without a round trip for either: BEGIN is sent with the first statement, COMMIT with the
 * last ones. A statement that failed has aborted the transaction by then, so that COMMIT commits nothing. Round trips cost the
 * order path a third of its CPU before (decision 0025).
 */
export async function runTransaction<T>(
  client: PgClient,
  work: (transaction: OpenTransaction) => Promise<T>,
): Promise<T> {
  const sent: Promise<unknown>[] = [];
  const alongside = (statement: Promise<unknown>): void => {
    // Looked at below, and until then not an unhandled rejection.
    statement.catch(() => undefined);
    sent.push(statement);
  };

  let firstFailure: unknown;
  const sql = sqlOn(client, (error) => (firstFailure ??= error));

  corkForThisTurn(client.connection.stream);
  alongside(client.query({ text: "BEGIN" }));
  let result: T;
  try {
    result = await work({ sql, alongside });
  } catch (error) {
    await rollBack(client);
    // Of statements that were sent together `work` may see a later one's error first, which says only that the one before failed.
    throw isAbortedTransaction(error) ? firstFailure : error;
  }
  corkForThisTurn(client.connection.stream);
  const commit = client.query({ text: "COMMIT" });
  // The first failure in the order of sending is the cause of those after it.
  const outcomes = await Promise.allSettled([...sent, commit]);
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure) throw failure.reason;
  const { command } = await commit;
  if (command !== "COMMIT") throw new Error(`the transaction ended with ${command}`);
  return result;
}

/** A connection in an unknown state never goes back to the pool: ending it is what makes the pool drop it. */
async function rollBack(client: PgClient): Promise<void> {
  await client.query({ text: "ROLLBACK" }).catch(() => client.end().catch(() => undefined));
}
