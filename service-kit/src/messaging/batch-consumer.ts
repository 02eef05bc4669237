import type { EventOf, EventType } from "@shop/contracts/event";
import type { WorkQueue } from "@shop/contracts/topology";
import type { ConsumeMessage } from "amqplib";
import { within } from "../async/limited-wait.ts";
import type { EventLog } from "../log/logger.ts";
import type { BrokerConnection } from "./broker-connection.ts";
import type { BrokerSession } from "./broker-session.ts";
import { declareQueue } from "./declare-topology.ts";
import {
  asSent,
  deadLetter,
  decode,
  faultOfSize,
  mostTogether,
  type Delivery,
} from "./delivery.ts";
import { handleUntilDone, type Handling } from "./handle-batch.ts";
import { Pace } from "./pace.ts";
import { ackHandled, Deferred, hasWork, takeMessages, type Subscription } from "./subscription.ts";
import { LOOK_EVERY_MS, watchConsumer, type QueueDepths } from "./watch-consumer.ts";

const MOST_IN_BATCH = 300;
/**
 * Deferred messages count as well: only many of them keep others from coming. Of ours these are some 0.6 MB in memory; of anybody
 * else's 300 MB at most, since larger messages are dead-lettered as they come.
 */
const PREFETCH = 4 * MOST_IN_BATCH;
const STOP_LIMIT_MS = 4_000;
const CANCEL_LIMIT_MS = 1_000;
const UNKNOWN: QueueDepths = { waiting: NaN, dead: NaN };

export interface BatchConsumerOptions<T extends EventType> extends Handling<T> {
  readonly queue: WorkQueue;
  readonly types: readonly T[];
  readonly events: EventLog;
  readonly lookEveryMs?: number;
}

/**
 * Takes a work queue in batches: decode → validate → handle in a transaction → ack. One batch at a time; what arrives
 * meanwhile is the next one, so batches grow with the load (`Pace`), and without load a message waits for nothing.
 */
export class BatchConsumer<T extends EventType> {
  private subscription: Subscription<T> | undefined;
  private working: Promise<void> | undefined;
  private stopping = false;
  private readonly pace = new Pace(MOST_IN_BATCH);
  private lastLook = UNKNOWN;

  constructor(
    connection: BrokerConnection,
    private readonly options: BatchConsumerOptions<T>,
  ) {
    connection.onSession((session) => this.subscribe(session));
  }

  get consuming(): boolean {
    return this.subscription?.session.isAlive === true;
  }

  get queue(): WorkQueue {
    return this.options.queue;
  }

  /** Some seconds old; unknown while there is no broker. */
  get depths(): QueueDepths {
    return this.lastLook;
  }

  /** Takes no more, finishes the batch in hand. What is unacked goes back to the queue when the connection closes. */
  async stop(): Promise<void> {
    this.stopping = true;
    const { subscription } = this;
    this.subscription = undefined;
    if (!subscription) return;
    subscription.waiting.length = 0;
    subscription.deferred.end();
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
    await declareQueue(session, this.options.queue);
    const channel = await session.channel();
    await session.answered(channel.prefetch(PREFETCH));
    const waiting: ConsumeMessage[] = [];
    let delivered = 0;
    const take = (message: ConsumeMessage | null): void => {
      if (message === null) return session.fail(new Error("the broker cancelled a consumer"));
      delivered += 1;
      const fault = faultOfSize(message);
      // At once: while a batch waits for the database, a thousand of them would wait with it.
      if (fault !== undefined)
        return deadLetter({ session, channel }, this.options, { message, fault });
      waiting.push(message);
      this.work();
    };
    const { consumerTag: tag } = await session.answered(
      channel.consume(this.options.queue.name, take),
    );
    const deferred = new Deferred<Delivery<T>>(() => this.work());
    session.onEnded(() => {
      deferred.end();
      this.lastLook = UNKNOWN;
    });
    watchConsumer(session, {
      queue: this.options.queue,
      everyMs: this.options.lookEveryMs ?? LOOK_EVERY_MS,
      delivered: () => delivered,
      idle: () => !this.working && waiting.length === 0 && deferred.isEmpty,
      onLook: (depths) => (this.lastLook = depths),
    });
    this.subscription = { session, channel, tag, waiting, deferred };
    this.work();
  }

  private work(): void {
    const { subscription } = this;
    if (this.working || !subscription || !hasWork(subscription)) return;
    this.working = this.takeBatch(subscription)
      .catch((error: Error) => subscription.session.fail(error))
      .finally(() => {
        this.working = undefined;
        this.work();
      });
  }

  private async takeBatch(subscription: Subscription<T>): Promise<void> {
    await this.pace.gather(() => subscription.waiting.length);
    const startedAt = performance.now();
    // At most a half, so that what waits for something never crowds out what does not.
    const deliveries = subscription.deferred.takeDue(MOST_IN_BATCH / 2);
    const waited = deliveries.length > 0;
    const messages = takeMessages(subscription, MOST_IN_BATCH - deliveries.length);
    for (const message of messages) {
      const decoded = decode(message, this.options.types);
      if ("delivery" in decoded) deliveries.push(decoded.delivery);
      else deadLetter(subscription, this.options, decoded);
    }
    // What waited comes back in any order, and in groups an ack of a later one would reach over an earlier one.
    if (waited) deliveries.sort(asSent);
    this.pace.took(deliveries.length);
    const atOnce = mostTogether(deliveries);
    for (let first = 0; first < deliveries.length; first += atOnce) {
      await this.handle(subscription, deliveries.slice(first, first + atOnce));
    }
    this.options.observer.consumed(messages.length, performance.now() - startedAt);
  }

  private async handle(
    subscription: Subscription<T>,
    deliveries: readonly Delivery<T>[],
  ): Promise<void> {
    const last = deliveries.at(-1);
    if (!last || !this.mayGoOn(subscription)) return;
    const events = deliveries.map(({ event }) => event);
    const mayGoOn = () => this.mayGoOn(subscription);
    const outcome = await handleUntilDone(this.options, events, mayGoOn);
    // On a session that is over, `ack` would throw; the broker delivers again by itself.
    if (outcome === "given up" || !subscription.session.isAlive) return;
    if ("locked" in outcome) {
      this.finish(subscription, deliveries, new Set(outcome.locked));
    } else if (deliveries.length === 1) {
      const { message } = last;
      const fault = "could not be handled";
      deadLetter(subscription, this.options, { message, fault, err: outcome.dataError });
    } else {
      for (const delivery of deliveries) await this.handle(subscription, [delivery]);
    }
  }

  private finish(
    subscription: Subscription<T>,
    deliveries: readonly Delivery<T>[],
    locked: ReadonlySet<EventOf<T>>,
  ): void {
    const handled = deliveries.filter(({ event }) => !locked.has(event));
    if (locked.size > 0)
      this.defer(
        subscription,
        deliveries.filter(({ event }) => locked.has(event)),
      );
    if (handled.length === 0) return;
    ackHandled(subscription, handled);
    this.options.events.consumed(handled.map(({ event }) => event));
  }

  private defer({ deferred }: Subscription<T>, deliveries: readonly Delivery<T>[]): void {
    deferred.add(deliveries);
    this.options.observer.deferred(deliveries.length);
    this.options.log.warn(
      { messages: deliveries.length },
      "messages wait for rows that another transaction has locked; the others go on",
    );
  }

  private mayGoOn(subscription: Subscription<T>): boolean {
    return subscription.session.isAlive && !this.stopping;
  }
}
