import { between } from "@shop/test-support/random";
import { keepConnection, prepare, type PreparedRequest } from "../../bench/load.ts";
import { nothing, type Drill, type Scene } from "../drill.ts";

const REQUESTS = 10_000;
const CLIENTS = 400;
const ORDERS_AT_ONCE = 400;
/**
 * Idle times, in milliseconds: where the gateway gives a connection up, where the services say that they do, and where they do. The
 * clients' own connections are said to last longer than all of these.
 */
const GAPS_MS = [1_000, 2_000, 3_000];
const AROUND_MS = 250;
/** What the gateway says with these times. */
const KEPT_FOR_MS = 3_000;

/** All clients at once, so that the gateway needs as many connections to the services as it may have; then quiet. */
async function askTogether(scene: Scene, clients: readonly Client[]): Promise<number[]> {
  const { system, ledger, load, random } = scene;
  const order = () => {
    const productId = load.productIds[between(random, 1, load.productIds.length - 1)]!;
    // Without a key: it is not sent a second time when its connection breaks.
    return ledger.place(system.gateway, { productId, qty: 1 });
  };
  const [statuses] = await Promise.all([
    Promise.all(clients.map((client) => client.ask())),
    Promise.all(Array.from({ length: ORDERS_AT_ONCE }, order)),
  ]);
  return statuses;
}

type Client = ReturnType<typeof createClient>;

/** Keeps its connection for as long as the gateway says that it does, and no longer: a slow burst adds to a gap. */
function createClient(url: string, request: PreparedRequest) {
  let connection = keepConnection(url);
  let answeredAt = Infinity;
  return {
    ask: async (): Promise<number> => {
      if (performance.now() - answeredAt > KEPT_FOR_MS) {
        connection.end();
        connection = keepConnection(url);
      }
      const status = await new Promise<number>((resolve) => {
        connection.send(request, resolve);
      });
      answeredAt = performance.now();
      return status;
    },
    end: () => connection.end(),
  };
}

export const idleGapsDrill: Drill = {
  id: "G8",
  name: "idle-gaps",
  title:
    "10,000 requests in bursts, with idle gaps around the times after which connections are closed",
  promise: "Idle connections never cost a request.",
  // The shipped times, of 65 s, would need an hour.
  system: { changes: "short-keep-alive" },
  rate: 20,
  tolerates: nothing,
  async run(scene) {
    const { system, load, random, pause, expect, note } = scene;
    const request = prepare({ path: `/products/${load.productIds[1]}` });
    const clients = Array.from({ length: CLIENTS }, () => createClient(system.gateway, request));
    const broken = new Map<number, number>();
    const rounds = Math.ceil(REQUESTS / (CLIENTS + ORDERS_AT_ONCE));
    for (let round = 0; round < rounds; round += 1) {
      for (const status of await askTogether(scene, clients)) {
        if (status !== 200) broken.set(status, (broken.get(status) ?? 0) + 1);
      }
      const gap = GAPS_MS[round % GAPS_MS.length]!;
      await pause(between(random, gap - AROUND_MS, gap + AROUND_MS));
    }
    for (const client of clients) client.end();
    for (const [status, count] of broken) {
      expect(
        false,
        `${count} GETs were answered ${status === 0 ? "by a broken connection" : status}`,
      );
    }
    note(`${rounds * (CLIENTS + ORDERS_AT_ONCE)} requests in ${rounds} bursts`);
  },
};
