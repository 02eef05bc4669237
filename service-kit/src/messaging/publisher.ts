import { EVENTS_EXCHANGE, WORK_TYPES } from "@shop/contracts/topology";
import type { ConfirmChannel } from "amqplib";
import { within } from "../async/limited-wait.ts";
import type { BrokerConnection } from "./broker-connection.ts";
import type { BrokerSession } from "./broker-session.ts";

const CONFIRM_LIMIT_MS = 10_000;

export interface Publication {
  readonly id: string;
  readonly type: string;
  readonly requestId: string;
  readonly payload: string;
}

/**
 * `returned`: confirmed, but no queue took it, which is not published. `refused`: the broker said no, its queue is full.
 * `unknown`: the connection was lost before the answer; it may have been published.
 */
export type Outcome = "confirmed" | "returned" | "refused" | "unknown";

export interface QueueLook {
  /** Those that nobody has in hand. */
  readonly messages: number;
  readonly consumers: number;
}

/** Publishes with confirms. The number of unconfirmed messages is the caller's to bound. */
export class Publisher {
  private open: { session: BrokerSession; channel: ConfirmChannel } | undefined;
  private blocked = false;
  /** Counted, since the poller may publish what is still on its way from memory. */
  private readonly returned = new Map<string, number>();

  private onAvailable: () => void = () => undefined;

  constructor(connection: BrokerConnection) {
    connection.onSession((session) => this.attach(session));
  }

  /** Not while the broker is away, or has told publishers to wait (memory or disk alarm). */
  get available(): boolean {
    return this.open !== undefined && !this.blocked;
  }

  /** Called each time that the broker begins to take messages. */
  whenAvailable(listener: () => void): void {
    this.onAvailable = listener;
  }

  /** One outcome for each, in order. Never rejects. */
  async publish(publications: readonly Publication[]): Promise<Outcome[]> {
    const { open } = this;
    if (!open) return publications.map(() => "unknown");

    const outcomes: Outcome[] = publications.map(() => "unknown");
    if (publications.length > 1) open.session.packTogether();
    const confirmed = Promise.all(
      publications.map(async (publication, index) => {
        outcomes[index] = await this.publishOne(open, publication);
      }),
    );
    let forget = (): void => undefined;
    const lost = new Promise<void>((resolve) => {
      forget = open.session.onEnded(resolve);
    });
    await within(
      CONFIRM_LIMIT_MS,
      Promise.race([confirmed, lost]),
      () => new Error("no confirm"),
    ).catch((error: unknown) => {
      if (!this.blocked) open.session.fail(error as Error);
    });
    forget();
    return outcomes;
  }

  /** Nothing when the broker does not say: it is away, or there is no such queue. */
  async lookAt(queue: string): Promise<QueueLook | undefined> {
    let look: QueueLook | undefined;
    const looking = this.open?.session.objection(async (channel) => {
      const { messageCount, consumerCount } = await channel.checkQueue(queue);
      look = { messages: messageCount, consumers: consumerCount };
    });
    await looking?.catch(() => undefined);
    return look;
  }

  private publishOne(
    { session, channel }: { session: BrokerSession; channel: ConfirmChannel },
    { id, type, requestId, payload }: Publication,
  ): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = {
        persistent: true,
        mandatory: WORK_TYPES.has(type),
        messageId: id,
        contentType: "application/json",
        // Not a header: amqplib takes up to twice as long to encode a message that has one.
        correlationId: requestId,
      };
      const settled = (error: unknown): void => {
        // The broker sends the return before the confirm, on the same channel.
        if (this.wasReturned(id)) resolve("returned");
        else if (!error) resolve("confirmed");
        else resolve(session.isAlive ? "refused" : "unknown");
      };
      try {
        channel.publish(EVENTS_EXCHANGE, type, Buffer.from(payload), options, settled);
      } catch {
        resolve("unknown");
      }
    });
  }

  private wasReturned(id: string): boolean {
    const times = this.returned.get(id) ?? 0;
    if (times > 1) this.returned.set(id, times - 1);
    else this.returned.delete(id);
    return times > 0;
  }

  private async attach(session: BrokerSession): Promise<void> {
    const channel = await session.confirmChannel();
    channel.on("return", ({ properties }) => {
      const id = String(properties.messageId);
      this.returned.set(id, (this.returned.get(id) ?? 0) + 1);
    });
    this.open = { session, channel };
    session.onBlocked((blocked) => {
      this.blocked = blocked;
      if (!blocked) this.onAvailable();
    });
    session.onEnded(() => {
      this.open = undefined;
      this.blocked = false;
      this.returned.clear();
    });
    this.onAvailable();
  }
}
