import type { BrokerSession } from "@shop/service-kit/messaging/broker-session";
import { within } from "@shop/service-kit/async/limited-wait";
import type { ConfirmChannel, ConsumeMessage, Options } from "amqplib";
import { orEnd } from "../broker.ts";

const CONFIRM_LIMIT_MS = 10_000;

export interface Publication {
  readonly content: Buffer;
  readonly options: Options.Publish;
}

/** A way onto queues: what it has put there is there for sure, on disk. */
export interface Way {
  put(queue: string, publications: readonly Publication[]): Promise<void>;
}

export async function openWay(session: BrokerSession): Promise<Way> {
  const channel = await session.confirmChannel();
  let returned = 0;
  channel.on("return", () => (returned += 1));
  return {
    async put(queue, publications) {
      if (publications.length === 0) return;
      session.packTogether();
      const all = publications.map((one) => confirmed(channel, queue, one));
      await orEnd(
        session,
        within(CONFIRM_LIMIT_MS, Promise.all(all), () => noConfirm()),
      );
      // The broker sends the return before the confirm, on the same channel.
      if (returned > 0)
        throw new Error(`There is no queue ${queue}. Start its service, then again.`);
    },
  };
}

const noConfirm = (): Error =>
  new Error(
    "The broker takes no messages just now (a memory or disk alarm?). Nothing is lost; try again when it does.",
  );

function confirmed(channel: ConfirmChannel, queue: string, { content, options }: Publication) {
  return new Promise<void>((resolve, reject) => {
    channel.publish("", queue, content, options, (refusal: unknown) => {
      if (refusal) reject(new Error(`${queue} takes no more: it is full. Nothing is lost.`));
      else resolve();
    });
  });
}

/** What the broker writes there at a delivery; it would stand there before the first one. */
const OF_A_DELIVERY: ReadonlySet<string> = new Set(["x-delivery-count", "x-acquired-count"]);
/** A broker takes these as more addresses. */
const MORE_ADDRESSES: ReadonlySet<string> = new Set(["CC", "BCC"]);
const OF_A_DEATH = /^x-(death$|first-death-|last-death-)/;
const REPLAYED_HEADER = "x-replayed";

export function timesReplayed({ properties }: ConsumeMessage): number {
  const times: unknown = properties.headers?.[REPLAYED_HEADER];
  return typeof times === "number" ? times : 0;
}

/** For a new life in its work queue: it died of nothing yet, and it has been there before. */
export function revive(message: ConsumeMessage): Publication {
  // The broker refuses the user id of anybody but ourselves.
  const {
    headers = {},
    userId: _userId,
    clusterId: _clusterId,
    ...properties
  } = message.properties;
  const kept = Object.entries(headers).filter(
    ([name]) => !OF_A_DELIVERY.has(name) && !MORE_ADDRESSES.has(name) && !OF_A_DEATH.test(name),
  );
  return {
    content: message.content,
    options: {
      ...properties,
      headers: { ...Object.fromEntries(kept), [REPLAYED_HEADER]: timesReplayed(message) + 1 },
      persistent: true,
      mandatory: true,
    },
  };
}
