import type { Socket } from "node:net";
import { GIGABYTES, pourGigabyte } from "@shop/test-support/endless-body";
import { openRaw } from "@shop/test-support/raw-client";
import { nothing, type Drill, type Scene } from "../drill.ts";
import { othersHold } from "../verdict.ts";
import { memoryOf } from "../memory.ts";

const CLIENTS = 1_000;
const FOR_MS = 14_000;
const DRIP_EVERY_MS = 1_000;
const POUR_EVERY_MS = 3_000;
/** A head has 10 s to come, which is looked after every second. */
const HEADS_CUT_OFF_AFTER_MS = 12_500;
/** What a thousand connections take, and what the garbage of refused bodies may add before it is swept: not one of the bodies. */
const MEMORY_LIMIT_MB = 200;
/** What fits into buffers on the way before the refusal is heard. */
const SENT_LIMIT_MB = 64;

const HEAD = "POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n";
const BEGINNINGS = [`${HEAD}X-Slow: `, `${HEAD}Content-Length: 90000\r\n\r\n{"name":"`];

/** One half never ends its head, the other its body; a byte now and then. */
async function dripFor(scene: Scene, ms: number): Promise<void> {
  const { system, pause, expect, inTime } = scene;
  const sockets: Socket[] = [];
  let headsEndedAt = performance.now();
  let headsOpen = CLIENTS / 2;
  for (let at = 0; at < CLIENTS; at += 1) {
    const socket = await openRaw(system.gateway);
    // Read, or the end would not be seen.
    socket.resume();
    socket.write(BEGINNINGS[at % 2]!);
    if (at % 2 === 0) {
      socket.once("close", () => {
        headsOpen -= 1;
        headsEndedAt = performance.now();
      });
    }
    sockets.push(socket);
  }
  const startedAt = performance.now();
  while (performance.now() - startedAt < ms) {
    await pause(DRIP_EVERY_MS);
    for (const socket of sockets) if (socket.writable) socket.write("a");
  }
  expect(headsOpen === 0, `${headsOpen} connections are open that sent half a head`);
  inTime("cutting them off", headsEndedAt - startedAt, HEADS_CUT_OFF_AFTER_MS);
  for (const socket of sockets) socket.destroy();
}

async function pourAll({ system, expect }: Scene, heard: { count: number }): Promise<void> {
  for (const [name, framing, piece] of GIGABYTES) {
    const { answers, sentMegabytes } = await pourGigabyte(system.gateway, framing, piece);
    // None: the end of the connection came before the answer was read, as may happen to who is still sending.
    const status = answers[0]?.status;
    expect(status === 413 || status === undefined, `a gigabyte ${name} was answered ${status}`);
    if (status === 413) heard.count += 1;
    expect(sentMegabytes < SENT_LIMIT_MB, `${sentMegabytes} MB were taken of a gigabyte ${name}`);
  }
}

export const slowClientsDrill: Drill = {
  id: "G5",
  name: "slow-clients",
  title: "1,000 clients that send a byte each second, and bodies of a gigabyte",
  promise: "Everything is bounded: one client is not everybody's trouble.",
  rate: 50,
  tolerates: nothing,
  async run(scene) {
    const { system, pause, expect, note, healed } = scene;
    // Nothing where the system does not tell (it does on Linux): then there is nothing to compare.
    const memory = (): number => Math.round(memoryOf(system.part("gateway").server.pid) ?? 0);
    const memoryBefore = memory();
    let most = memoryBefore;
    let poured = 0;
    const refused = { count: 0 };
    await othersHold(scene, /./, async () => {
      const over = new AbortController();
      const pourOn = async (): Promise<void> => {
        while (!over.signal.aborted) {
          await pourAll(scene, refused);
          poured += GIGABYTES.length;
          most = Math.max(most, memory());
          await pause(POUR_EVERY_MS);
        }
      };
      await Promise.all([dripFor(scene, FOR_MS).finally(() => over.abort()), pourOn()]);
    });
    healed();
    expect(refused.count > poured / 2, `413 was heard ${refused.count} times of ${poured}`);
    note(
      `${poured} bodies of a gigabyte, 413 ×${refused.count}; memory ${memoryBefore} MB before, ${most} MB at most`,
    );
    expect(most - memoryBefore <= MEMORY_LIMIT_MB, `memory grew by ${most - memoryBefore} MB`);
  },
};
