import type { WorkQueue } from "@shop/contracts/topology";
import type { ConsumeMessage } from "amqplib";
import type { Logger } from "../log/logger.ts";

/** A message that goes to the dead queue, and why. */
export interface Burial {
  readonly message: ConsumeMessage;
  readonly fault: string;
  readonly err?: unknown;
}

/** Never what is in it: nobody knows that it is fit for a log. */
export function tellBurial(
  log: Logger,
  { deadQueue }: WorkQueue,
  { message, fault, err }: Burial,
): void {
  const { messageId } = message.properties;
  log.error(
    { fault, messageId, deadQueue, ...(err !== undefined && { err }) },
    "a message went to the dead queue",
  );
}
