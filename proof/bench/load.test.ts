import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { createLatencies } from "./latencies.ts";
import { closedLoop, openLoop, type LoadJob } from "./load.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<LoadJob> {
  server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests: [{ path: "/a" }, { path: "/b", body: { qty: 1 } }],
    headers: { "X-Bench": "yes" },
    connections: 4,
    seconds: 0.3,
  };
}

test("a closed loop sends all requests in turn, over connections that stay, and counts every answer", async () => {
  const seen = new Map<string, number>();
  const connections = new Set<unknown>();
  const job = await serve((request, response) => {
    connections.add(request.socket);
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      const line = `${request.method} ${request.url} ${String(request.headers["x-bench"])} ${body}`;
      seen.set(line, (seen.get(line) ?? 0) + 1);
      response.writeHead(request.url === "/a" ? 200 : 201).end("fine");
    });
  });
  const { sent, ok, failed, statuses, p50Ms } = await closedLoop(job);
  expect([...seen.keys()].toSorted()).toEqual(["GET /a yes ", 'POST /b yes {"qty":1}']);
  expect([...seen.values()].reduce((sum, each) => sum + each)).toBe(sent);
  expect({ ok, failed }).toEqual({ ok: sent, failed: 0 });
  expect(statuses[200]! - statuses[201]!).toBeLessThanOrEqual(1);
  expect(connections.size).toBe(4);
  expect(p50Ms).toBeGreaterThan(0);
});

test("refusals and broken connections are failures", async () => {
  let turn = 0;
  const job = await serve((request, response) => {
    turn += 1;
    if (turn % 3 === 0) request.socket.destroy();
    else response.writeHead(turn % 3 === 1 ? 503 : 200, { connection: "close" }).end("x");
  });
  const { sent, ok, failed, statuses } = await closedLoop(job);
  expect(statuses[0]).toBeGreaterThan(0);
  expect(statuses[503]).toBeGreaterThan(0);
  expect(ok).toBe(statuses[200]);
  expect(failed).toBe(sent - ok);
});

test("nobody there: everything fails, and the loop ends", async () => {
  const job = await serve(() => undefined);
  server!.close();
  await once(server!, "close");
  const { ok, failed } = await closedLoop(job);
  expect(ok).toBe(0);
  expect(failed).toBeGreaterThan(0);
});

test("an open loop sends what its rate says, and a stall shows in all requests that it held up", async () => {
  const startedAt = performance.now();
  const stallUntil = startedAt + 400;
  const job = await serve((_request, response) => {
    setTimeout(() => response.end("fine"), Math.max(0, stallUntil - performance.now()));
  });
  const { sent, ok, p95Ms, p50Ms } = await openLoop({ ...job, seconds: 0.6 }, 200);
  expect({ sent, ok }).toEqual({ sent: 120, ok: 120 });
  // Only four were on their way during the stall; those that should have gone out meanwhile count as well.
  expect(p95Ms).toBeGreaterThan(300);
  expect(p50Ms).toBeGreaterThan(30);
});

test("quantiles are right to one percent, over five orders of magnitude", () => {
  const latencies = createLatencies();
  for (let ms = 1; ms <= 1_000; ms += 1) latencies.add(ms / 100);
  for (const [q, ms] of [
    [0.5, 5],
    [0.95, 9.5],
    [0.99, 9.9],
    [0.001, 0.01],
    [1, 10],
  ]) {
    expect(latencies.quantile(q!) / ms!).toBeCloseTo(1, 1.9);
  }
});

test("one slow answer among a hundred is the p99's neighbour, and not the median's", () => {
  const latencies = createLatencies();
  for (let index = 0; index < 99; index += 1) latencies.add(1);
  latencies.add(1_000);
  expect(latencies.quantile(0.99)).toBeLessThan(1.02);
  expect(latencies.quantile(1)).toBeGreaterThan(980);
});

test("there is no quantile of nothing", () => {
  expect(createLatencies().quantile(0.5)).toBeNaN();
});
