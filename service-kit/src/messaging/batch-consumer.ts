import type { EventOf, EventType } from "@shop/contracts/event";
import type { WorkQueue } from "@shop/contracts/topology";
import type { Channel, ConsumeMessage } from "amqplib";
import { setImmediate as nextTurn } from "node:timers/promises";
import { within } from "../limited-wait.ts";
import type { EventLog } from "../log/logger.ts";
import type { BrokerConnection } from "./broker-connection.ts";
import type { BrokerSession } from "./broker-session.ts";
import { asSent, decode, newestOf, type Delivery } from "./delivery.ts";
import { tellBurial, type Burial } from "./burial.ts";
import { handleUntilDone, type Handling } from "./handle-batch.ts";
import { SetAside } from "./set-aside.ts";
import { mostTogether } from "./suspects.ts";
import { LOOK_EVERY_MS, watchConsumer } from "./watch-consumer.ts";

const MOST_IN_BATCH = 300;
/** What is set aside counts as well: it must be a lot before it keeps the rest from coming. */
const PREFETCH = 4 * MOST_IN_BATCH;
const STOP_LIMIT_MS = 4_000;
const CANCEL_LIMIT_MS = 1_000;

export interface BatchConsumerOptions<T extends EventType> extends Handling<T> {
  readonly queue: WorkQueue;
  readonly types: readonly T[];
  readonly events: EventLog;
  readonly lookEveryMs?: number;
}

interface Subscription<T extends EventType> {
  readonly session: BrokerSession;
  readonly channel: Channel;
  readonly tag: string;
  readonly waiting: ConsumeMessage[];
  readonly aside: SetAside<Delivery<T>>;
}

const hasWork = ({ waiting, aside }: Subscription<EventType>): boolean =>
  waiting.length > 0 || aside.hasDue;

/**
 * Takes a work queue in batches: decode → validate → handle in a transaction → ack. One batch at a time; what arrives
 * meanwhile is the next one, so batches grow with the load and a single message waits for nothing.
 */
export class BatchConsumer<T extends EventType> {
  private subscription: Subscription<T> | undefined;
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
    subscription.aside.end();
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
    let delivered = 0;
    const take = (message: ConsumeMessage | null): void => {
      if (message === null) return session.fail(new Error("the broker cancelled a consumer"));
      delivered += 1;
      waiting.push(message);
      this.work();
    };
    const { consumerTag: tag } = await session.answered(
      channel.consume(this.options.queue.name, take),
    );
    const aside = new SetAside<Delivery<T>>(() => this.work());
    session.onEnded(() => aside.end());
    watchConsumer(session, {
      queue: this.options.queue.name,
      everyMs: this.options.lookEveryMs ?? LOOK_EVERY_MS,
      delivered: () => delivered,
      idle: () => !this.working && waiting.length === 0 && aside.isEmpty,
    });
    this.subscription = { session, channel, tag, waiting, aside };
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
    // The rest of this turn's deliveries join the batch.
    await nextTurn();
    const startedAt = performance.now();
    // At most a half, so that what waits for something never crowds out what does not.
    const deliveries = subscription.aside.takeDue(MOST_IN_BATCH / 2);
    const waited = deliveries.length > 0;
    const messages = subscription.waiting.splice(0, MOST_IN_BATCH - deliveries.length);
    for (const message of messages) {
      const decoded = decode(message, this.options.types);
      if ("delivery" in decoded) deliveries.push(decoded.delivery);
      else this.bury(subscription, { message, fault: decoded.fault });
    }
    // What waited comes back in any order, and in groups an ack of a later one would reach over an earlier one.
    if (waited) deliveries.sort(asSent);
    const atOnce = mostTogether(deliveries);
    for (let first = 0; first < deliveries.length; first += atOnce) {
      await this.settle(subscription, deliveries.slice(first, first + atOnce));
    }
    this.options.observer.taken(messages.length, performance.now() - startedAt);
  }

  private async settleOneByOne(
    subscription: Subscription<T>,
    deliveries: readonly Delivery<T>[],
  ): Promise<void> {
    for (const delivery of deliveries) await this.settle(subscription, [delivery]);
  }

  private async settle(
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
    if ("held" in outcome) {
      this.finish(subscription, deliveries, new Set(outcome.held));
    } else if (deliveries.length === 1) {
      const { message } = last;
      this.bury(subscription, { message, fault: "could not be handled", err: outcome.dataError });
    } else {
      await this.settleOneByOne(subscription, deliveries);
    }
  }

  private finish(
    { session, channel, aside }: Subscription<T>,
    deliveries: readonly Delivery<T>[],
    held: ReadonlySet<EventOf<T>>,
  ): void {
    const handled = deliveries.filter(({ event }) => !held.has(event));
    if (held.size > 0)
      this.setAside(
        aside,
        deliveries.filter(({ event }) => held.has(event)),
      );
    if (handled.length === 0) return;
    if (aside.isEmpty) {
      // Everything before the last one on this channel is settled, so one ack serves the batch.
      channel.ack(newestOf(handled).message, true);
    } else {
      session.packTogether();
      for (const { message } of handled) channel.ack(message);
    }
    this.options.events.taken(handled.map(({ event }) => event));
  }

  private setAside(aside: SetAside<Delivery<T>>, deliveries: readonly Delivery<T>[]): void {
    aside.add(deliveries);
    this.options.observer.setAside(deliveries.length);
    this.options.log.warn(
      { messages: deliveries.length },
      "messages wait for rows that somebody holds; the others go on",
    );
  }

  private bury({ session, channel }: Subscription<T>, burial: Burial): void {
    if (!session.isAlive) return;
    channel.reject(burial.message, false);
    this.options.observer.buried();
    tellBurial(this.options.log, this.options.queue, burial);
  }

  private mayGoOn(subscription: Subscription<T>): boolean {
    return subscription.session.isAlive && !this.stopping;
  }
}
