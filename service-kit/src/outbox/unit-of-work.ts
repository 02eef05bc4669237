import { randomUUIDv7 } from "node:crypto";
import { EVENT_VERSION, type EventData, type EventType } from "@shop/contracts/event";
import type { Database, ManagedTransaction } from "../database/database.ts";
import type { OpenTransaction } from "../database/transaction.ts";
import { acceptRequestId, currentRequestId } from "../log/request-id.ts";
import { LEASE_MS } from "./relay.ts";
import { insertLeased, type OutboxRow } from "./outbox.sql.ts";

type Emit = <T extends EventType>(type: T, event: NewEvent<T>) => void;

/** A database transaction that events can be emitted in; there is no other way to emit one. */
export interface Transaction extends ManagedTransaction {
  readonly emit: Emit;
}

/** The same for batches, which send SQL only. */
export interface BatchTransaction extends OpenTransaction {
  readonly emit: Emit;
}

export interface NewEvent<T extends EventType> {
  readonly subject: string | number;
  /** The request that caused it; the current one where none is named. */
  readonly requestId?: string;
  readonly data: EventData<T>;
}

/** Facts and their events in one transaction; afterwards the events go to the relay, from memory. */
export class UnitOfWork {
  constructor(
    private readonly database: Database,
    private readonly relay: { offer(rows: readonly OutboxRow[]): void },
  ) {}

  /** For everything that is not a batch: repositories, and SQL beside them. */
  transact<R>(work: (transaction: Transaction) => Promise<R>): Promise<R> {
    return this.emitting(({ emit, rows }) =>
      this.database.transaction(async (open) => {
        const result = await work({ ...open, emit });
        if (rows.length > 0) await insertLeased(open.sql, rows, LEASE_MS);
        return result;
      }),
    );
  }

  transactBatch<R>(work: (transaction: BatchTransaction) => Promise<R>): Promise<R> {
    return this.emitting(({ emit, rows }) =>
      this.database.batchTransaction(async (open) => {
        const result = await work({ ...open, emit });
        if (rows.length > 0) open.alongside(insertLeased(open.sql, rows, LEASE_MS));
        return result;
      }),
    );
  }

  private async emitting<R>(
    commit: (events: { emit: Emit; rows: readonly OutboxRow[] }) => Promise<R>,
  ): Promise<R> {
    const rows: OutboxRow[] = [];
    // What is committed together happened at one time, that of the first event.
    let occurredAt: string | undefined;
    const emit: Emit = (type, event) => {
      occurredAt ??= new Date().toISOString();
      rows.push(toRow(type, event, occurredAt));
    };
    const result = await commit({ emit, rows });
    // Only after the commit.
    if (rows.length > 0) this.relay.offer(rows);
    return result;
  }
}

function toRow<T extends EventType>(type: T, event: NewEvent<T>, occurredAt: string): OutboxRow {
  const id = randomUUIDv7();
  const { requestId = acceptRequestId(currentRequestId()), data } = event;
  return {
    id,
    type,
    subject: String(event.subject),
    requestId,
    payload: JSON.stringify({ id, type, version: EVENT_VERSION, occurredAt, requestId, data }),
  };
}
