import { between } from "@shop/test-support/random";
import { waitUntil } from "local-stack/processes/wait-until";
import { nothing, type Drill, type Scene } from "../drill.ts";

/** From the first connection on: the programs come one after the other, each with two. */
const SET_UP_MS = { least: 0, most: 1_500 };
const CONNECTS_WITHIN_MS = 20_000;
const SERVICES = ["product-service", "order-service"];

/** Connected, and not yet ready to publish and consume. */
async function isSettingUp({ system }: Scene): Promise<boolean> {
  const all = await Promise.all(SERVICES.map((service) => system.checks(service)));
  const isReady = all.every(({ broker, consumers }) => broker === "ok" && consumers === "ok");
  return system.way.connections > 0 && !isReady;
}

export const brokerRestartsDrill: Drill = {
  id: "D6",
  name: "kill-rabbitmq-at-set-up",
  title: "RabbitMQ is killed again and again while the consumers set up",
  promise: "No program ends for want of the broker, and all of them recover.",
  system: { throughProxy: "rabbitmq" },
  rate: 100,
  tolerates: nothing,
  async run(scene) {
    const { system, random, instants, pause, expect, healed, note, signal } = scene;
    const pids = system.pids();
    const rabbitmq = system.part("rabbitmq");
    let during = 0;
    for (let strike = 0; strike < instants; strike += 1) {
      await rabbitmq.server.kill();
      await rabbitmq.restart();
      await waitUntil(() => system.way.connections > 0, {
        what: "a program connects to RabbitMQ",
        timeoutMs: CONNECTS_WITHIN_MS,
        signal,
      });
      await pause(between(random, SET_UP_MS.least, SET_UP_MS.most));
      if (await isSettingUp(scene)) during += 1;
    }
    healed();
    note(`${instants} times, ${during} of them while a program was setting up`);
    expect(during > 0, "it was never killed while a program was setting up");
    expect(system.pids() === pids, "a program was ended");
  },
};
