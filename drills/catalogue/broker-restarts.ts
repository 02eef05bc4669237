import { between } from "@shop/test-support/random";
import { nothing, type Drill } from "../drill.ts";

/** From the first moment in which it answers: consumers are setting up then. */
const SET_UP_MS = { least: 0, most: 400 };

export const brokerRestartsDrill: Drill = {
  id: "D6",
  name: "kill-rabbitmq-at-set-up",
  title: "RabbitMQ is killed again and again while the consumers set up",
  promise: "No program ends for want of the broker, and all of them recover.",
  rate: 100,
  tolerates: nothing,
  async run({ system, random, instants, pause, expect, healed, note }) {
    const pids = system.pids();
    const rabbitmq = system.part("rabbitmq");
    for (let strike = 0; strike < instants; strike += 1) {
      await rabbitmq.server.kill();
      await rabbitmq.restart();
      await pause(between(random, SET_UP_MS.least, SET_UP_MS.most));
    }
    healed();
    note(`${instants} times`);
    expect(system.pids() === pids, "a program was ended");
  },
};
