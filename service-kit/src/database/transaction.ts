import { corkForThisTurn, sqlOn, type PgClient, type Sql } from "./sql.ts";

export interface OpenTransaction {
  readonly sql: Sql;
  /**
   * A statement whose answer nobody needs before the commit: it goes out without being waited for, and the transaction
   * fails when it fails.
   */
  readonly alongside: (statement: Promise<unknown>) => void;
}

/**
 * Runs `work` between BEGIN and COMMIT, without a round trip for either: BEGIN goes out with the first statement, COMMIT
 * with the last ones. A statement that failed has aborted the transaction by then, so that COMMIT commits nothing.
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

  corkForThisTurn(client.connection.stream);
  alongside(client.query({ text: "BEGIN" }));
  let result: T;
  try {
    result = await work({ sql: sqlOn(client), alongside });
  } catch (error) {
    await rollBack(client);
    throw error;
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
