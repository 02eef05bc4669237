import type { Socket } from "node:net";
import { openRaw } from "@shop/test-support/raw-client";
import { nothing, type Drill, type Scene } from "../drill.ts";
import { succeeded } from "../verdict.ts";
import { everythingHeard } from "../verdict.ts";

/** Of the loopback network, which is all ours. */
const ADDRESSES = Array.from({ length: 20 }, (_, at) => `127.0.0.${at + 2}`);
const BEFORE_MS = 5_000;
const FOR_MS = 12_000;
const AGAIN_EVERY_MS = 1_000;
/** Answers to what was sent last. */
const LAST_ANSWERS_MS = 1_500;
const KEPT = 0.9;

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: shop\r\n\r\n`;
/** More than the buffers on the way take, so that what comes behind them waits. */
const FILES = get("/docs/swagger-ui-bundle.js").repeat(4);
/** 65 kB without a token: each answer held one of 2,000 places, for as long as the connection stayed. */
const FAR_AHEAD = FILES + get("/x").repeat(2_400);
/** As many as may wait on one connection, so that only many connections hold so many places. */
const JUST_ALLOWED = FILES + get("/x").repeat(28);
const HELD_EACH = 4;

async function sendAndNotRead(gateway: string, from: string, bytes: string): Promise<Socket> {
  const socket = await openRaw(gateway, from);
  socket.pause();
  socket.write(bytes);
  return socket;
}

/** Hands back how many connections it took. */
async function attack({ system, pause, lasting }: Scene): Promise<number> {
  const held: Socket[] = [];
  let again: Socket[] = [];
  let count = 0;
  const fromAll = async (bytes: string, sockets: Socket[]): Promise<void> => {
    for (const from of ADDRESSES) {
      sockets.push(await sendAndNotRead(system.gateway, from, bytes));
      count += 1;
    }
  };
  // Unread files fill the memory that the kernel has for connections, which the clients of a drill share with the gateway.
  const leave = (sockets: readonly Socket[]): void => {
    for (const socket of sockets) socket.destroy();
  };
  try {
    for (let each = 0; each < HELD_EACH; each += 1) await fromAll(JUST_ALLOWED, held);
    const until = performance.now() + lasting(FOR_MS);
    while (performance.now() < until) {
      await fromAll(FAR_AHEAD, again);
      await pause(AGAIN_EVERY_MS);
      leave(again);
      again = [];
    }
  } finally {
    leave([...held, ...again]);
  }
  return count;
}

export const unreadAnswersDrill: Drill = {
  id: "G10",
  name: "unread-answers",
  title: "clients from 20 addresses that ask for much at once, and read none of the answers",
  promise: "Everything is bounded: one client is not everybody's trouble.",
  rate: 50,
  tolerates: nothing,
  async run(scene) {
    const { pause, expect, note, healed } = scene;
    const before = performance.now();
    await pause(BEFORE_MS);
    const from = performance.now();
    const connections = await attack(scene);
    const to = performance.now();
    healed();
    await pause(LAST_ANSWERS_MS);
    const good = everythingHeard(scene).filter(succeeded);
    const perSecond = (start: number, end: number): number =>
      (good.filter(({ at }) => at >= start && at < end).length * 1_000) / (end - start);
    const [then, meanwhile] = [perSecond(before, from), perSecond(from, to)];
    const share = Math.round((meanwhile / then) * 100);
    note(`${connections} such connections; ${share} % of the others' goodput`);
    expect(share >= KEPT * 100, `${share} % of the others' goodput is left`);
  },
};
