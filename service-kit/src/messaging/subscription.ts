import type { EventType } from "@shop/contracts/event";
import type { Channel, ConsumeMessage } from "amqplib";
import type { BrokerSession } from "./broker-session.ts";
import { newestOf, type Delivery } from "./delivery.ts";

/** A consumer on one session: what was delivered and is not yet acknowledged. */
export interface Subscription<T extends EventType> {
  readonly session: BrokerSession;
  readonly channel: Channel;
  readonly tag: string;
  readonly waiting: ConsumeMessage[];
  readonly deferred: Deferred<Delivery<T>>;
}

export const hasWork = ({ waiting, deferred }: Subscription<EventType>): boolean =>
  waiting.length > 0 || deferred.hasDue;

/** A message is parsed in one piece: the worst 256 kB (deep nesting) take some 50 ms, a batch of those longer than a heartbeat. */
const MOST_BYTES_IN_BATCH = 1_048_576;

export function takeMessages({ waiting }: Subscription<EventType>, most: number): ConsumeMessage[] {
  let [count, bytes] = [0, 0];
  while (count < Math.min(most, waiting.length) && bytes < MOST_BYTES_IN_BATCH) {
    bytes += waiting[count]!.content.length;
    count += 1;
  }
  return waiting.splice(0, count);
}

export function ackHandled<T extends EventType>(
  { session, channel, deferred }: Subscription<T>,
  handled: readonly Delivery<T>[],
): void {
  if (deferred.isEmpty) {
    // Everything before the last one on this channel is acknowledged, so one ack serves the batch.
    channel.ack(newestOf(handled).message, true);
  } else {
    session.packTogether();
    for (const { message } of handled) channel.ack(message);
  }
}

const REST_MS = 250;

/** Deliveries that wait, unacknowledged, for a locked row, so that the others need not wait with them. */
export class Deferred<D> {
  private readonly rounds: { readonly dueAt: number; readonly deliveries: D[] }[] = [];
  private timer: NodeJS.Timeout | undefined;
  private ended = false;

  constructor(private readonly onDue: () => void) {}

  get isEmpty(): boolean {
    return this.rounds.length === 0;
  }

  get hasDue(): boolean {
    const [first] = this.rounds;
    return first !== undefined && first.dueAt <= performance.now();
  }

  add(deliveries: readonly D[]): void {
    if (deliveries.length === 0) return;
    this.rounds.push({ dueAt: performance.now() + REST_MS, deliveries: [...deliveries] });
    this.wakeUp();
  }

  takeDue(most: number): D[] {
    const taken: D[] = [];
    while (this.hasDue && taken.length < most) {
      const [first] = this.rounds;
      taken.push(...first!.deliveries.splice(0, most - taken.length));
      if (first!.deliveries.length === 0) this.rounds.shift();
    }
    this.wakeUp();
    return taken;
  }

  /** Nothing is due any more. What waits stays: as long as it is unacked, no ack may reach over it. */
  end(): void {
    this.ended = true;
    clearTimeout(this.timer);
  }

  private wakeUp(): void {
    clearTimeout(this.timer);
    if (this.ended) return;
    const [first] = this.rounds;
    if (!first) return;
    const restMs = Math.max(0, first.dueAt - performance.now());
    this.timer = setTimeout(() => this.onTimer(), restMs);
  }

  private onTimer(): void {
    // A timer may be early by a fraction of a millisecond.
    if (this.hasDue) this.onDue();
    else this.wakeUp();
  }
}
