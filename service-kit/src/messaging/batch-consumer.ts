import type { EventOf, EventType } from "@shop/contracts/event";
import type { WorkQueue } from "@shop/contracts/topology";
import type { Channel, ConsumeMessage } from "amqplib";
import { setImmediate as nextTurn, setTimeout as rest } from "node:timers/promises";
import { isDatabaseTrouble } from "../database/database-errors.ts";
import { backoffMs, within } from "../limited-wait.ts";
import type { EventLog, Logger } from "../log/logger.ts";
import type { BrokerConnection } from "./broker-connection.ts";
import type { BrokerSession } from "./broker-session.ts";
import { decode, earlierDeliveries, type Delivery } from "./delivery.ts";

const PREFETCH = 300;
/** A message that came back so often may be what kills the process: it is taken alone. */
const SUSPECT_DELIVERIES = 3;
const RETRY_BACKOFF = { first: 100, most: 3_000 };
const STOP_LIMIT_MS = 4_000;
const CANCEL_LIMIT_MS = 1_000;

export interface ConsumerObserver {
  taken(count: number, ms: number): void;
  buried(): void;
  retried(): void;
}

export interface BatchConsumerOptions<T extends EventType> {
  readonly queue: WorkQueue;
  readonly types: readonly T[];
  /** Commits what the events ask for, or throws and leaves nothing. Must take the same event twice without harm. */
  readonly handle: (events: readonly EventOf<T>[]) => Promise<void>;
  readonly log: Logger;
  readonly events: EventLog;
  readonly observer: ConsumerObserver;
}

interface Subscription {
  readonly session: BrokerSession;
  readonly channel: Channel;
  readonly tag: string;
  readonly waiting: ConsumeMessage[];
}

/**
 * Takes a work queue in batches: decode → validate → handle in a transaction → ack. One batch at a time; what arrives
 * meanwhile is the next one, so batches grow with the load and a single message waits for nothing.
 */
export class BatchConsumer<T extends EventType> {
  private subscription: Subscription | undefined;
  private working: Promise<void> | undefined;
  private stopping = false;

  constructor(
    connection: BrokerConnection,
    private readonly options: BatchConsumerOptions<T>,
  ) {
    connection.onSession((session) => this.subscribe(session));
  }

  get consuming(): boolean {
    return this.subscription?.session.isAlive === true;
  }

  /** Takes no more, finishes the batch in hand. What is unacked goes back to the queue when the connection closes. */
  async stop(): Promise<void> {
    this.stopping = true;
    const { subscription } = this;
    this.subscription = undefined;
    if (!subscription) return;
    subscription.waiting.length = 0;
    const { channel, tag } = subscription;
    await within(STOP_LIMIT_MS, Promise.resolve(this.working), () => new Error("stop limit")).catch(
      () => this.options.log.warn("a batch was not finished in time; it will be delivered again"),
    );
    // The answer comes from behind the last ack, which the end of the connection would overtake otherwise.
    await within(CANCEL_LIMIT_MS, channel.cancel(tag), () => new Error("no answer")).catch(
      () => undefined,
    );
  }

  private async subscribe(session: BrokerSession): Promise<void> {
    // The batch of the session before may still be in its transaction; its acks fail harmlessly.
    await this.working;
    const channel = await session.channel();
    await session.answered(channel.prefetch(PREFETCH));
    const waiting: ConsumeMessage[] = [];
    const take = (message: ConsumeMessage | null): void => {
      if (message === null) return session.fail(new Error("the broker cancelled a consumer"));
      waiting.push(message);
      this.work();
    };
    const { consumerTag: tag } = await session.answered(
      channel.consume(this.options.queue.name, take),
    );
    this.subscription = { session, channel, tag, waiting };
    this.work();
  }

  private work(): void {
    const { subscription } = this;
    if (this.working || !subscription || subscription.waiting.length === 0) return;
    this.working = this.takeBatch(subscription)
      .catch((error: Error) => subscription.session.fail(error))
      .finally(() => {
        this.working = undefined;
        this.work();
      });
  }

  private async takeBatch(subscription: Subscription): Promise<void> {
    // The rest of this turn's deliveries join the batch.
    await nextTurn();
    const messages = subscription.waiting.splice(0, PREFETCH);
    const startedAt = performance.now();
    const deliveries: Delivery<T>[] = [];
    for (const message of messages) {
      const decoded = decode(message, this.options.types);
      if ("delivery" in decoded) deliveries.push(decoded.delivery);
      else this.bury(subscription, message, decoded.fault);
    }
    const suspicious = deliveries.some(
      ({ message }) => earlierDeliveries(message) >= SUSPECT_DELIVERIES,
    );
    if (suspicious) await this.settleOneByOne(subscription, deliveries);
    else await this.settle(subscription, deliveries);
    this.options.observer.taken(messages.length, performance.now() - startedAt);
  }

  private async settleOneByOne(
    subscription: Subscription,
    deliveries: readonly Delivery<T>[],
  ): Promise<void> {
    for (const delivery of deliveries) await this.settle(subscription, [delivery]);
  }

  private async settle(
    subscription: Subscription,
    deliveries: readonly Delivery<T>[],
  ): Promise<void> {
    const last = deliveries.at(-1);
    if (!last || !this.mayGoOn(subscription)) return;
    const outcome = await this.handleUntilDone(subscription, deliveries);
    if (outcome === "given up" || !this.mayAck(subscription)) return;
    if (outcome === "handled") {
      // Everything before it on this channel is settled, so one ack serves the batch.
      subscription.channel.ack(last.message, true);
      this.options.events.taken(deliveries.map(({ event }) => event));
    } else if (deliveries.length === 1) {
      this.bury(subscription, last.message, "could not be handled", outcome.dataError);
    } else {
      await this.settleOneByOne(subscription, deliveries);
    }
  }

  /** Retries as long as the infrastructure is in the way, until the session or the service ends. */
  private async handleUntilDone(
    subscription: Subscription,
    deliveries: readonly Delivery<T>[],
  ): Promise<"handled" | "given up" | { readonly dataError: unknown }> {
    const events = deliveries.map(({ event }) => event);
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.options.handle(events);
        return "handled";
      } catch (error) {
        if (!isDatabaseTrouble(error)) return { dataError: error };
        const restMs = backoffMs(attempt, RETRY_BACKOFF);
        this.options.observer.retried();
        this.options.log.warn(
          { err: error, messages: events.length, retryInMs: Math.round(restMs) },
          "a batch waits for the database",
        );
        await rest(restMs);
        if (!this.mayGoOn(subscription)) return "given up";
      }
    }
  }

  private bury(
    subscription: Subscription,
    message: ConsumeMessage,
    fault: string,
    err?: unknown,
  ): void {
    if (!this.mayAck(subscription)) return;
    subscription.channel.reject(message, false);
    this.options.observer.buried();
    const { messageId } = message.properties;
    this.options.log.error(
      {
        fault,
        messageId,
        deadQueue: this.options.queue.deadQueue,
        ...(err !== undefined && { err }),
      },
      "a message went to the dead queue",
    );
  }

  private mayGoOn(subscription: Subscription): boolean {
    return subscription.session.isAlive && !this.stopping;
  }

  /** On a session that is over, `ack` would throw; the broker delivers again by itself. */
  private mayAck(subscription: Subscription): boolean {
    return subscription.session.isAlive;
  }
}
