import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { statuses, type Drill, type Scene } from "../drill.ts";
import { quantile } from "../verdict.ts";
import { othersHold } from "../verdict.ts";
import { everythingHeard } from "../verdict.ts";

const FOR_MS = 8_000;
/** The gateway's deadline, and a turn of busy machines. */
const ANSWERED_WITHIN_MS = 5_000 + 1_500;
const PART_WITHIN_MS = 2_000 + 1_500;
/** One request at a time tries a service that was left out, and the one that did so last may have to wait for its deadline. */
const HEALED_WITHIN_MS = 8_000;
const OF_ORDERS = /orders/;

/** What needs both services comes without the part that is late. */
async function askForBoth({ system, load, expect, inTime }: Scene): Promise<void> {
  const startedAt = performance.now();
  const { status, body } = await call(
    `${system.gateway}/products/${load.productIds[1]}-with-orders`,
  );
  inTime("product and orders", performance.now() - startedAt, PART_WITHIN_MS);
  const partial = status === 200 && body.data.orders === null && body.meta.partial === true;
  expect(partial, `product and orders were answered ${status}, and not in part`);
}

/** Breaks order-service for the gateway, and heals it. */
interface Fault {
  begin(scene: Scene): Promise<void> | void;
  end(scene: Scene): Promise<void> | void;
}

async function run(scene: Scene, fault: Fault): Promise<void> {
  const { system, load, pause, lasting, expect, inTime, healed, note } = scene;
  const pids = system.pids();
  let from = 0;
  await othersHold(scene, /products/, async () => {
    await fault.begin(scene);
    from = performance.now();
    try {
      await askForBoth(scene);
      await pause(lasting(FOR_MS));
      await askForBoth(scene);
    } finally {
      await fault.end(scene);
      healed();
    }
    const path = `${system.gateway}/orders/product/${load.productIds[1]}`;
    const healedAt = performance.now();
    await eventually(async () => {
      const { status } = await call(path);
      if (status !== 200) throw new Error(`orders are answered ${status} after the end of it`);
    }, HEALED_WITHIN_MS);
    note(`orders again after ${Math.round(performance.now() - healedAt)} ms`);
  });
  const refused = everythingHeard(scene).filter(
    ({ at, status = 0, what }) => at >= from && status >= 500 && OF_ORDERS.test(what),
  );
  const waits = refused.map(({ tookMs }) => tookMs);
  const late = refused.filter(({ status }) => status === 504).length;
  note(`${refused.length} refused, ${late} of them at the deadline`);
  expect(refused.length > 0, "no request was refused");
  inTime("the last refusal", quantile(waits, 1), ANSWERED_WITHIN_MS);
  expect(system.pids() === pids, "a program was ended");
}

const promise = "A service that hangs or drips delays no other.";

export const hangingServiceDrills: readonly Drill[] = [
  {
    id: "G6",
    name: "hang-a-service",
    title: "order-service stands still for 8 s, its connections open",
    promise,
    rate: 60,
    tolerates: statuses(OF_ORDERS, [503, 504]),
    run: (scene) =>
      run(scene, {
        begin: ({ system }) => system.part("order-service").server.pause(),
        end: ({ system }) => system.part("order-service").server.resume(),
      }),
  },
  {
    id: "G6",
    name: "drip-a-service",
    title: "order-service's answers come byte by byte for 8 s",
    promise,
    system: { throughProxy: "order-service" },
    rate: 60,
    tolerates: statuses(OF_ORDERS, [503, 504]),
    run: (scene) =>
      run(scene, {
        begin: ({ system }) => system.way.drip(),
        end: ({ system }) => system.way.flow(),
      }),
  },
];
