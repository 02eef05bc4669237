import type { EventOf } from "@shop/contracts/event";
import { PRODUCT_TYPES } from "@shop/contracts/topology";
import { connectBroker, type BrokerClient } from "@shop/test-support/broker-client";
import { eventually } from "@shop/test-support/eventually";
import { claimVhost } from "@shop/test-support/servers";
import { startTcpProxy, type TcpProxy } from "@shop/test-support/tcp-proxy";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createTestLog, someProduct } from "../kit.fixture.ts";
import { BrokerConnection } from "./broker-connection.ts";
import { declareTopology } from "./declare-all.ts";
import { consumeHints } from "./hint-consumer.ts";

type Hint = EventOf<(typeof PRODUCT_TYPES)[number]>;

let vhostUrl: string;
let client: BrokerClient;
let proxy: TcpProxy;
let connections: BrokerConnection[];

beforeAll(async () => {
  vhostUrl = await claimVhost();
  client = await connectBroker(vhostUrl);
  proxy = await startTcpProxy(vhostUrl);
});
afterAll(() => Promise.all([client.close(), proxy.stop()]));
beforeEach(() => {
  connections = [];
});
afterEach(() => Promise.all(connections.map((connection) => connection.stop())));

/** A service with a memory of its own. */
function startInstance(url = vhostUrl, onHint: (hint: Hint) => void = () => undefined) {
  const { log, lines, events } = createTestLog();
  const connection = new BrokerConnection(url, "a test", log);
  const hints: Hint[] = [];
  let sessions = 0;
  connection.onSession(declareTopology);
  consumeHints(connection, {
    name: "a-memory",
    types: PRODUCT_TYPES,
    onHint: (hint) => {
      hints.push(hint);
      onHint(hint);
    },
    log,
    events,
  });
  connection.onSession(async () => void (sessions += 1));
  connection.start();
  connections.push(connection);
  return { connection, hints, lines, sessions: () => sessions };
}

const isUp = ({ connection }: { connection: BrokerConnection }) =>
  eventually(() => expect(connection.up).toBe(true));

const tell = (id: number) =>
  client.publish("product.updated", someProduct({ id }), { requestId: `r-${id}` });

test("when a product changes, then every instance hears of it, with the request's id in its log", async () => {
  const [one, other] = [startInstance(), startInstance()];
  await Promise.all([isUp(one), isUp(other)]);
  await tell(1);
  await client.publish("product.deleted", { id: 2, version: 5 });
  for (const { hints, lines } of [one, other]) {
    await eventually(() =>
      expect(hints).toMatchObject([
        { type: "product.updated", data: { id: 1 } },
        { type: "product.deleted", data: { id: 2, version: 5 } },
      ]),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({
        msg: "event consumed",
        event: "product.updated",
        requestId: "r-1",
      }),
    );
  }
});

test("when a hint is not what it should be, then it is dropped with a line, and the next ones are heard", async () => {
  const one = startInstance();
  await isUp(one);
  await client.send("product.updated", "{s3cret");
  await client.send("product.updated", JSON.stringify({ type: "order.created" }));
  await client.send("product.updated", "[".repeat(5_000_000));
  await tell(3);
  await eventually(() => expect(one.hints).toHaveLength(1));
  const dropped = one.lines.filter(({ msg }) => msg === "a hint was dropped");
  expect(dropped.map(({ fault }) => fault)).toEqual([
    "not JSON",
    "of a type that is not handled here",
    "larger than 262144 bytes",
  ]);
  expect(JSON.stringify(one.lines)).not.toContain("s3cret");
  expect(one.sessions()).toBe(1);
});

test("when the connection was lost, then hints are heard again on the next one", async () => {
  const one = startInstance(proxy.through(vhostUrl));
  await isUp(one);
  await proxy.cut();
  await eventually(() => expect(one.connection.up).toBe(false));
  await proxy.restore();
  await isUp(one);
  await tell(4);
  await eventually(() => expect(one.hints).toHaveLength(1));
  expect(one.sessions()).toBe(2);
});

test("when taking a hint throws, then the process lives, and later hints are heard", async () => {
  let throws = true;
  const one = startInstance(vhostUrl, () => {
    if (throws) throw new Error("a bug");
  });
  await isUp(one);
  await tell(5);
  await eventually(() => expect(one.hints).toHaveLength(1));
  throws = false;
  await eventually(async () => {
    await tell(6);
    expect(one.hints.at(-1)?.data.id).toBe(6);
  });
});
