import { setTimeout as rest } from "node:timers/promises";
import type { Order } from "@shop/contracts/order";
import { call } from "@shop/test-support/http";
import {
  keepConnection,
  NO_ANSWER,
  prepare,
  type Connection,
  type PreparedRequest,
} from "../../bench/load.ts";
import { statuses, type Drill, type Scene } from "../drill.ts";
import { quantile } from "../verdict.ts";

/** A second of work or so: who comes when so many wait is refused. Small, so that the clients of a drill can get beyond it. */
const MAX_IN_FLIGHT = 256;
const PEAK_CONNECTIONS = 64;
const OVER = { times: 3, connections: 1_000 };
/** Both for as long, since settling what was taken takes its share of the machine a little later. */
const FOR_MS = 5_000;
const PAIRS = 3;
const KEPT = 0.9;
const REFUSED_WITHIN_MS = 1_000;
const TICK_MS = 2;
const LAST_ANSWERS_MS = 10_000;
const UNKNOWN: ReadonlySet<number> = new Set([NO_ANSWER, 502, 504]);
const REFUSED: ReadonlySet<number> = new Set([429, 503]);

interface Heard {
  readonly status: number;
  readonly tookMs: number;
  readonly inWindow: boolean;
}

/** As many orders each second as it says, or as the connections can carry when that is fewer. */
async function offer(
  connections: readonly Connection[],
  request: PreparedRequest,
  perSecond: number,
): Promise<Heard[]> {
  const heard: Heard[] = [];
  const idle = [...connections];
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  let sent = 0;
  const send = (): void => {
    // What finds no connection free waits for one.
    while (elapsed() < FOR_MS && sent < (elapsed() * perSecond) / 1_000 && idle.length > 0) {
      const connection = idle.pop()!;
      const sentAt = performance.now();
      sent += 1;
      connection.send(request, (status) => {
        const tookMs = performance.now() - sentAt;
        heard.push({ status, tookMs, inWindow: elapsed() < FOR_MS });
        idle.push(connection);
      });
    }
  };
  while (elapsed() < FOR_MS) {
    send();
    await rest(TICK_MS);
  }
  while (heard.length < sent && elapsed() < FOR_MS + LAST_ANSWERS_MS) await rest(TICK_MS);
  return heard;
}

const taken = (heard: readonly Heard[]): Heard[] => heard.filter(({ status }) => status === 201);
const goodput = (heard: readonly Heard[]): number =>
  Math.round((taken(heard).filter(({ inWindow }) => inWindow).length * 1_000) / FOR_MS);

/** Counted only, these answers name no order: that there are as many is looked at here, and the ledger hears which they were. */
async function enter({ system, ledger, expect }: Scene, productId: number, all: readonly Heard[]) {
  const least = taken(all).length;
  const most = least + all.filter(({ status }) => UNKNOWN.has(status)).length;
  const rows = await system.truth.orders<Order & { requestId: string }>(
    `SELECT id, request_id AS "requestId" FROM orders WHERE product_id = $1`,
    [productId],
  );
  const { length: count } = rows;
  expect(count >= least && count <= most, `${count} orders, and ${least} to ${most} were taken`);
  const entry = { wish: { productId, qty: 1 }, key: undefined, at: 0 };
  for (const { requestId, ...order } of rows)
    ledger.entries.push({
      ...entry,
      requestId,
      outcome: "accepted",
      status: 201,
      order,
      tookMs: 0,
    });
}

export const overloadDrill: Drill = {
  id: "G7",
  name: "overload",
  title: "three times the orders that the system can take, in turn with as many as it can",
  promise: "Overload: 503 or 429 for the excess, at once.",
  system: { settings: { MAX_IN_FLIGHT: String(MAX_IN_FLIGHT) } },
  rate: 10,
  tolerates: statuses(/./, [...REFUSED]),
  async run(scene) {
    const { system, expect, inTime, note, signal } = scene;
    const { body } = await call(`${system.gateway}/products`, {
      body: { name: "Wanted by all", price: 10, qty: 1_000_000 },
    });
    const productId: number = body.data.id;
    const request = prepare({ path: "/orders", body: { productId, qty: 1 } });
    const all = Array.from({ length: OVER.connections }, () => keepConnection(system.gateway));
    const few = all.slice(0, PEAK_CONNECTIONS);
    const heard: Heard[] = [];
    const rates: { peak: number; over: number }[] = [];
    // In turn: what else the machine does in a moment must not count against one of the two.
    for (let pair = 0; pair < PAIRS && !signal.aborted; pair += 1) {
      const peak = await offer(few, request, Infinity);
      const over = await offer(all, request, goodput(peak) * OVER.times);
      heard.push(...peak, ...over);
      rates.push({ peak: goodput(peak), over: goodput(over) });
    }
    for (const connection of all) connection.end();
    await enter(scene, productId, heard);

    const median = (of: (one: { peak: number; over: number }) => number): number =>
      quantile(rates.map(of), 0.5);
    const share = median(({ peak, over }) => (over / peak) * 100);
    const refused = heard.filter(({ status }) => REFUSED.has(status));
    const p99 = quantile(
      refused.map(({ tookMs }) => tookMs),
      0.99,
    );
    const [peak, over] = [median((one) => one.peak), median((one) => one.over)];
    note(`${peak} orders/s at the peak, ${over} when three times as many come: ${share} %`);
    note(`${refused.length} refused, p99 ${p99} ms`);
    expect(refused.length > 0, "nothing was refused");
    expect(share >= KEPT * 100, `${share} % of the peak is left`);
    inTime("refusing", p99, REFUSED_WITHIN_MS);
    const odd = heard.filter(({ status }) => status !== 201 && !REFUSED.has(status));
    expect(odd.length === 0, `${odd.length} were answered neither 201 nor 503 nor 429`);
  },
};
