import { Inject, Injectable } from "@nestjs/common";
import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { BackgroundLoops, type Turn } from "@shop/service-kit/background-loops";
import { Publisher } from "@shop/service-kit/messaging/publisher";
import { countWaiting } from "@shop/service-kit/outbox/outbox.sql";
import { CONFIG, type OrderServiceConfig } from "../config.ts";
import { RepublishOrders } from "./republish-orders.ts";

/** Far more than is in the outbox under load. The reconciler looks through all of them, so this bounds its statement as well. */
const MOST_IN_OUTBOX = 10_000;
/** With as many messages in the queue its consumers are busy for a while. */
const MOST_QUEUED = 5_000;

/**
 * Republishes orders that stay pending too long, every few seconds. Paused while the broker is away, and after it until most of the outbox is
 * published: what is republished then would only wait behind what waits already. For the same reason paused while nothing consumes
 * from the queue, or too much is in it.
 */
@Injectable()
export class Reconciler {
  constructor(
    loops: BackgroundLoops,
    private readonly publisher: Publisher,
    private readonly orders: RepublishOrders,
    @Inject(CONFIG) private readonly config: OrderServiceConfig,
  ) {
    loops.add("reconciler", (tools) => this.reconcile(tools));
  }

  private async reconcile({ sql, log }: Parameters<Turn>[0]): Promise<number> {
    const { RECONCILE_EVERY_MS: restMs } = this.config;
    if (!this.publisher.available) return restMs;
    const waiting = await countWaiting(sql, MOST_IN_OUTBOX);
    if (waiting === MOST_IN_OUTBOX || (await this.isQueued())) return restMs;
    const count = await this.orders.republish();
    if (count > 0) log.warn({ orders: count }, "republished orders that stayed pending too long");
    return restMs;
  }

  /** No, when the broker does not say: a queue that is gone is healed by republishing. */
  private async isQueued(): Promise<boolean> {
    const look = await this.publisher.lookAt(ORDER_CREATED_QUEUE.name);
    if (!look) return false;
    const { messages, consumers } = look;
    return messages > (consumers === 0 ? 0 : MOST_QUEUED);
  }
}
