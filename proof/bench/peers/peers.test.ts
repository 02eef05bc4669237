import { rm } from "node:fs/promises";
import { orderPage } from "@shop/contracts/order";
import { product } from "@shop/contracts/product";
import { lastingPorts } from "local-stack/processes/ports";
import { makeTemporaryFolder } from "local-stack/processes/temporary-folder";
import type { ManagedProcess } from "local-stack/processes/managed-process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CORES } from "../machine.ts";
import { startLoad } from "../start-load.ts";
import { nodeCommand, startOn, stopProcess, waitForAnswer } from "./peer.ts";
import { barePeer, nginxPeer } from "./peers.ts";
import { ORDERS, PRODUCT } from "./stub-answers.ts";

const { signal } = new AbortController();
const PATH = "/products/26";
const started: ManagedProcess[] = [];
let folder: string;
let upstreamPort: number;

beforeAll(async () => {
  folder = await makeTemporaryFolder("bench-test");
  [upstreamPort] = (await lastingPorts(1)) as [number];
  const command = nodeCommand("stub-upstream.ts", { port: upstreamPort, upstreamPort });
  const stub = await startOn(CORES.upstream, command, folder);
  started.push(stub);
  await waitForAnswer(`http://127.0.0.1:${upstreamPort}${PATH}`, stub, {}, signal);
});
afterAll(async () => {
  await Promise.all(started.map(stopProcess));
  await rm(folder, { recursive: true, force: true });
});

test("the stub answers what the services would", () => {
  expect(product.parse(JSON.parse(PRODUCT))).toEqual(JSON.parse(PRODUCT));
  expect(orderPage.parse(JSON.parse(ORDERS))).toEqual(JSON.parse(ORDERS));
});

test.for([barePeer, nginxPeer])(
  "$name passes the stub's answers on, under load too",
  async (peer, { skip }) => {
    const [port] = (await lastingPorts(1)) as [number];
    const command = await peer.prepare({ port, upstreamPort, folder }, signal);
    // Not installed here: left out of the bench as well.
    if (typeof command === "string") {
      skip(command);
      return;
    }
    const running = await startOn(CORES.measured, command, folder);
    started.push(running);
    const url = `http://127.0.0.1:${port}${PATH}`;
    await waitForAnswer(url, running, {}, signal);
    expect(await (await fetch(url)).text()).toBe(PRODUCT);

    const load = startLoad();
    try {
      const { sent, ok } = await load.run(
        {
          url: `http://127.0.0.1:${port}`,
          requests: [{ path: PATH }],
          connections: 8,
          seconds: 1,
        },
        signal,
      );
      expect(ok).toBe(sent);
      expect(ok).toBeGreaterThan(8);
    } finally {
      load.stop();
    }
  },
);
