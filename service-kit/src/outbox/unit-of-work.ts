import { randomUUIDv7 } from "node:crypto";
import { EVENT_VERSION, type EventData, type EventType } from "@shop/contracts/event";
import type { Database } from "../database/database.ts";
import type { OpenTransaction } from "../database/transaction.ts";
import { acceptRequestId, currentRequestId } from "../log/request-id.ts";
import { LEASE_MS } from "./relay.ts";
import { insertLeased, type OutboxRow } from "./outbox.sql.ts";

/** A database transaction that events can be emitted in; there is no other way to emit one. */
export interface Transaction extends OpenTransaction {
  readonly emit: <T extends EventType>(type: T, event: NewEvent<T>) => void;
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

  async transact<R>(work: (transaction: Transaction) => Promise<R>): Promise<R> {
    // Handed on only after the commit.
    const rows: OutboxRow[] = [];
    const result = await this.database.transaction(async (open) => {
      // What is committed together happened at one time, that of the first.
      let occurredAt: string | undefined;
      const emit: Transaction["emit"] = (type, event) => {
        occurredAt ??= new Date().toISOString();
        rows.push(toRow(type, event, occurredAt));
      };
      const answer = await work({ ...open, emit });
      if (rows.length > 0) open.alongside(insertLeased(open.sql, rows, LEASE_MS));
      return answer;
    });
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
