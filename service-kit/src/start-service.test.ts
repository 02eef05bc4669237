import { networkInterfaces } from "node:os";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { Controller, Get, Module } from "@nestjs/common";
import { beBusy } from "@shop/test-support/be-busy";
import { call } from "@shop/test-support/http";
import { eventually } from "@shop/test-support/eventually";
import { openRaw, readToEnd, type RawExchange } from "@shop/test-support/raw-client";
import { Agent, request } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { httpModule } from "./http/http.fixture.ts";
import { createTestLog } from "./kit.fixture.ts";
import type { Part, Parts } from "./lifecycle.ts";
import type { RunningProgram } from "./program.ts";
import { startService } from "./start-service.ts";

let gates: PromiseWithResolvers<void>[];

@Controller()
class SlowController {
  @Get("slow")
  async slow(): Promise<{ done: true }> {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    return { done: true };
  }

  @Get("fast")
  fast(): { done: true } {
    return { done: true };
  }
}

@Module({ controllers: [SlowController] })
class SlowModule {}

let running: RunningProgram[];
let testLog: ReturnType<typeof createTestLog>;
let agent: Agent;
beforeEach(() => {
  gates = [];
  running = [];
  testLog = createTestLog();
  agent = new Agent({ connections: 1, keepAliveTimeout: 60_000 });
});
afterEach(async () => {
  for (const gate of gates) gate.resolve();
  await Promise.all(running.map((service) => service.stop()));
  await agent.destroy();
});

async function start(parts: Parts = {}, host = "127.0.0.1"): Promise<RunningProgram> {
  const imports = [httpModule(testLog.log, { parts })];
  const service = await startService({ module: SlowModule, imports }, { HOST: host, PORT: 0 });
  running.push(service);
  return service;
}

function part(
  name: string,
  calls: string[],
  stop: () => void | Promise<void> = () => undefined,
): Part {
  return {
    start: async () => void calls.push(`${name} starts`),
    stop: () => {
      calls.push(`${name} stops`);
      return stop();
    },
  };
}

/** On a connection that is kept. */
const keptCall = (url: string) => request(url, { dispatcher: agent });

async function stopMs(service: RunningProgram): Promise<number> {
  const startedAt = performance.now();
  await service.stop();
  return performance.now() - startedAt;
}

describe("a service that starts", () => {
  test("when it listens, then its parts were started in order, and the log has its address", async () => {
    const calls: string[] = [];
    const service = await start({ database: part("database", calls), relay: part("relay", calls) });
    expect(calls).toEqual(["database starts", "relay starts"]);
    expect((await call(`${service.url}/fast`)).status).toBe(200);
    expect(testLog.lines).toContainEqual(
      expect.objectContaining({ level: "info", msg: "listening", url: service.url }),
    );
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === "::1"),
  );
  test.skipIf(!hasIpv6)("has brackets around an IPv6 address in its URL", async () => {
    const { url } = await start({}, "::1");
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await call(`${url}/health/live`)).body).toEqual({ status: "ok" });
  });
});

describe("a service that stops", () => {
  test("when it is asked twice, then it stops once, its parts in the reverse order", async () => {
    const calls: string[] = [];
    const service = await start({ a: part("a", calls), b: part("b", calls), c: part("c", calls) });
    await Promise.all([service.stop(), service.stop()]);
    expect(calls.slice(3)).toEqual(["c stops", "b stops", "a stops"]);
    expect(testLog.lines.at(-1)).toMatchObject({ level: "info", msg: "stopped" });
    await expect(call(`${service.url}/fast`)).rejects.toThrow("ECONNREFUSED");
  });

  test("when a request is in flight, then it is finished first, on a connection that ends, and only then the parts stop", async () => {
    const calls: string[] = [];
    const service = await start({ database: part("database", calls) });
    const slow = keptCall(`${service.url}/slow`);
    await eventually(() => expect(gates).toHaveLength(1));
    const startedAt = performance.now();
    const stopping = service.stop();
    await eventually(() => expect(call(`${service.url}/fast`)).rejects.toThrow("ECONNREFUSED"));
    expect(calls).toEqual(["database starts"]);
    gates[0]!.resolve();
    const { statusCode, headers, body } = await slow;
    expect(statusCode).toBe(200);
    expect(await body.json()).toEqual({ done: true });
    expect(headers["connection"]).toBe("close");
    await stopping;
    expect(calls).toEqual(["database starts", "database stops"]);
    expect(performance.now() - startedAt).toBeLessThan(2_500);
  });

  test("when callers hold idle connections, then they do not hold it up, and hear to leave while there is time", async () => {
    const service = await start();
    await (await keptCall(`${service.url}/fast`)).body.dump();
    const stopping = stopMs(service);
    const ready = await keptCall(`${service.url}/health/ready`);
    expect(ready.statusCode).toBe(503);
    expect(await ready.body.json()).toMatchObject({ status: "stopping" });
    expect(ready.headers["connection"]).toBe("close");
    expect(await stopping).toBeLessThan(1_500);
  });

  const bytes = "GET /fast HTTP/1.1\r\nHost: shop\r\n\r\n";
  const isLast = { status: 200, headers: { connection: "close" } };
  /** After what is read in a turn, and before what was to be done by then. */
  const inTurn = (afterMs: number, work: () => void) => setTimeout(setImmediate, afterMs, work);

  test.each([
    ["has not heard it for a while, then it is still answered", 700, 0],
    ["asks when the time is up and nobody reads it, then that is answered first", 900, 300],
  ])("when a caller with an idle connection %s", async (_, afterMs, busyMs) => {
    const service = await start();
    const client = await openRaw(service.url);
    client.write(bytes);
    await once(client, "data");
    const stopping = service.stop();
    inTurn(afterMs, () => {
      client.write(bytes);
      beBusy(busyMs);
    });
    const { answers } = await readToEnd(client);
    expect(answers).toMatchObject([isLast]);
    await stopping;
  });

  test("when callers connect when the time is up and nobody accepts them, then they are answered first", async () => {
    const service = await start();
    const callers: Promise<RawExchange>[] = [];
    const stopping = service.stop();
    inTurn(150, () => {
      for (let caller = 0; caller < 20; caller += 1) {
        const socket = connect(Number(new URL(service.url).port), "127.0.0.1");
        socket.on("error", () => undefined);
        socket.write(bytes);
        callers.push(readToEnd(socket));
      }
      beBusy(300);
    });
    await stopping;
    const heard = (await Promise.all(callers)).flatMap(({ answers }) => answers);
    expect(heard).toMatchObject(Array.from({ length: 20 }, () => isLast));
  });

  test("when a request never ends, then it goes on all the same after its limit", async () => {
    const calls: string[] = [];
    const service = await start({ database: part("database", calls) });
    const slow = keptCall(`${service.url}/slow`).catch((error: Error) => error);
    await eventually(() => expect(gates).toHaveLength(1));
    const ms = await stopMs(service);
    expect(ms).toBeGreaterThan(3_500);
    expect(ms).toBeLessThan(6_000);
    expect(calls).toContain("database stops");
    expect(testLog.lines).toContainEqual(
      expect.objectContaining({
        level: "warn",
        msg: "requests did not finish in time; their connections are cut",
      }),
    );
    gates[0]!.resolve();
    await slow;
  });

  test.each<[string, () => void | Promise<void>]>([
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no"))],
  ])(
    "when a part %s at its stop, then that is calls and the others are stopped",
    async (_how, stop) => {
      const calls: string[] = [];
      const service = await start({
        first: part("first", calls),
        bad: part("bad", calls, stop),
        last: part("last", calls),
      });
      await service.stop();
      expect(calls.slice(3)).toEqual(["last stops", "bad stops", "first stops"]);
      expect(testLog.lines.filter(({ level }) => level === "error")).toMatchObject([
        { part: "bad", err: { message: "no" } },
      ]);
    },
  );
});

describe("a program", () => {
  const HERE = fileURLToPath(new URL(".", import.meta.url));

  /** Runs a `main.ts` that starts the service so, from the build. */
  function runProgram(startSource: string) {
    const source = `
      import { ConfigError } from "./config/read-config.ts";
      import { runUntilSignal } from "./program.ts";
      // Keeps the process alive, as a server does.
      setInterval(() => undefined, 1_000);
      await runUntilSignal(${startSource});
      console.log("started");`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", source], { cwd: HERE });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    }
    return {
      child,
      output: () => output,
      exited: once(child, "exit").then(([code]) => code as number | null),
      started: () => eventually(() => expect(output).toContain("started")),
    };
  }

  test.each(["SIGTERM", "SIGINT"] as const)(
    "when it gets %s, then it stops in order and exits 0",
    async (signal) => {
      const program = runProgram(
        `async () => ({ url: "", stop: async () => console.log("stopped in order") })`,
      );
      await program.started();
      program.child.kill(signal);
      expect(await program.exited).toBe(0);
      expect(program.output()).toContain("stopped in order");
    },
  );

  test("when its stop fails, then it exits 1", async () => {
    const program = runProgram(
      `async () => ({ url: "", stop: () => Promise.reject(new Error("no")) })`,
    );
    await program.started();
    program.child.kill();
    expect(await program.exited).toBe(1);
  });

  test("when its stop takes too long, then it exits 1 within ten seconds", async () => {
    const program = runProgram(
      `async () => ({ url: "", stop: () => new Promise(() => undefined) })`,
    );
    await program.started();
    const startedAt = performance.now();
    program.child.kill();
    expect(await program.exited).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  test("when its configuration is wrong, then it says only what to set, and exits 1", async () => {
    const program = runProgram(
      `() => { throw new ConfigError([{ variable: "PORT", message: "is missing" }]); }`,
    );
    expect(await program.exited).toBe(1);
    await eventually(() =>
      expect(program.output()).toMatch(
        /^The configuration is not valid\..*\n  PORT: is missing\n$/,
      ),
    );
  });

  test("when its port is taken, then it says which and what to do, and exits 1", async () => {
    const program = runProgram(`async () => {
      const { createServer } = await import("node:net");
      const { once } = await import("node:events");
      const first = createServer().listen(0, "127.0.0.1");
      await once(first, "listening");
      await once(createServer().listen(first.address().port, "127.0.0.1"), "listening");
    }`);
    expect(await program.exited).toBe(1);
    await eventually(() =>
      expect(program.output()).toMatch(/EADDRINUSE.*127\.0\.0\.1:\d+\. .*set PORT/),
    );
  });

  test.each([
    ["an error", `new TypeError("a bug")`, /TypeError: a bug\n\s+at /],
    ["a text", `"a text"`, /^a text\n$/],
  ])("when starting throws %s, then it is shown, and it exits 1", async (_what, thrown, shown) => {
    const program = runProgram(`async () => { throw ${thrown}; }`);
    expect(await program.exited).toBe(1);
    await eventually(() => expect(program.output()).toMatch(shown));
  });
});
