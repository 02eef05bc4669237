import type { HeardEvent } from "@shop/test-support/broker-client";
import { shuffle } from "@shop/test-support/random";
import { nothing, type Drill } from "../drill.ts";

const FOR_MS = 6_000;

export const duplicatesDrill: Drill = {
  id: "M1",
  name: "triple-and-shuffle",
  title: "every message of both kinds comes three times, in any order",
  promise: "Published at least once, applied exactly once: one transition an order.",
  rate: 200,
  tolerates: nothing,
  async run({ system, random, pause, lasting, expect, note }) {
    const repeated = await system.broker(async (client) => {
      const heard: HeardEvent[] = await client.receive("order.created", "order.updated");
      await pause(lasting(FOR_MS));
      // What is repeated is heard as well: only what came from the programs counts.
      const messages = [...heard];
      await client.repeat(shuffle([...messages, ...messages], random));
      return messages.length;
    });
    note(`${repeated} messages twice more`);
    expect(repeated > 0, "no message was repeated");
  },
};
