import { once } from "node:events";
import { Agent, createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { CONNECT_LIMIT_MS, limitConnecting } from "./connect-limit.ts";

/** Nothing else runs meanwhile, as on a machine that is busy otherwise. */
const standStill = (ms: number): unknown =>
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test("a connection that came about while the gateway itself stood still is not given up", async () => {
  const server = createServer((_request, response) => response.end("fine"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const agent = limitConnecting(new Agent(), false);

  // From here timers are looked at before sockets.
  await turn();
  const request = get({ host: "127.0.0.1", port, agent });
  // Behind the call that connects.
  process.nextTick(() => standStill(CONNECT_LIMIT_MS + 200));
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  expect(answer.statusCode).toBe(200);

  answer.resume();
  agent.destroy();
  server.close();
  await once(server, "close");
});
