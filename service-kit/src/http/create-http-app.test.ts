import { connect } from "node:net";
import { once } from "node:events";
import { Body, Controller, Get, HttpException, Module, Param, Post, Query } from "@nestjs/common";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import { ContractError, errorBody } from "@shop/contracts/errors";
import { pageQuery } from "@shop/contracts/page";
import { productIdText } from "@shop/contracts/product";
import { eventually } from "@shop/test-support/eventually";
import { call, type Call } from "@shop/test-support/http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { createTestLog } from "../kit.fixture.ts";
import { httpModule } from "./http.fixture.ts";
import { currentRequestId } from "../log/request-id.ts";
import { Metrics } from "../observe/metrics.ts";
import { createHttpApp } from "./create-http-app.ts";

const thingBody = z.strictObject(
  { name: z.string("must be a string"), note: z.string().optional() },
  "must be a JSON object",
);

const FAILURES: Record<string, () => unknown> = {
  bug: () => new TypeError("s3cret detail"),
  text: () => "s3cret text",
  nothing: () => undefined,
  database: () => Object.assign(new Error("s3cret host refused"), { code: "ECONNREFUSED" }),
  data: () => Object.assign(new Error("s3cret key"), { code: "23505" }),
  contract: () =>
    new ContractError("PRICE_CHANGED", "It costs 5 now", [{ path: "price", message: "5" }]),
  unavailable: () => new ContractError("UNAVAILABLE", "Try again"),
  teapot: () => new HttpException("s3cret teapot", 418),
};

@Controller()
class ThingsController {
  @Post("things")
  make(@Body({ schema: thingBody }) body: z.infer<typeof thingBody>) {
    return { ...body, requestId: currentRequestId() };
  }

  @Get("things/:id")
  get(@Param("id", { schema: productIdText }) id: number) {
    return { id, requestId: currentRequestId() };
  }

  @Get("things")
  list(@Query({ schema: pageQuery }) query: z.infer<typeof pageQuery>) {
    return query;
  }

  @Get("failures/:how")
  fail(@Param("how") how: string): never {
    throw FAILURES[how]!();
  }
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

let app: NestFastifyApplication;
let url: string;
let metrics: Metrics;
const testLog = createTestLog();

beforeAll(async () => {
  app = await createHttpApp({ module: ThingsModule, imports: [httpModule(testLog.log)] });
  metrics = app.get(Metrics);
  await app.listen(0, "127.0.0.1");
  url = await app.getUrl();
});
afterAll(() => app.close());
beforeEach(() => void (testLog.lines.length = 0));

test("a head and a request have a limit, which is looked after every second", () => {
  expect(app.getHttpServer()).toMatchObject({
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 1_000,
  });
});

const request = (path: string, options?: Call) => call(`${url}${path}`, options);

/** Bytes as they are, the rest once the service has the head of the request; gives back all that comes until the end. */
async function raw(head: string, ...rest: readonly string[]): Promise<string> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setEncoding("latin1");
  let received = "";
  socket.on("data", (text: string) => (received += text));
  // A refusal may close the connection under what is still being written.
  socket.on("error", () => undefined);
  const arrived = once(app.getHttpServer(), "request");
  socket.write(head);
  await arrived;
  for (const part of rest) {
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(part);
  }
  if (!socket.closed) await once(socket, "close");
  return received;
}

describe("a request id", () => {
  test("when the caller's is valid, then it is on the answer, in the work and in the log", async () => {
    const { headers, body } = await request("/things/5", { headers: { "x-request-id": "r-1" } });
    expect(headers["x-request-id"]).toBe("r-1");
    expect(body).toEqual({ id: 5, requestId: "r-1" });
    await eventually(() =>
      expect(testLog.lines).toContainEqual(
        expect.objectContaining({
          level: "debug",
          msg: "answered",
          requestId: "r-1",
          method: "GET",
          route: "/things/:id",
          status: 200,
        }),
      ),
    );
  });

  test("when the body comes later than the headers, then the work still has it", async () => {
    const json = '{"name":"x"}';
    const head = `POST /things HTTP/1.1\r\nhost: x\r\nx-request-id: r-late\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\nconnection: close\r\n\r\n`;
    const answer = await raw(head, json.slice(0, 4), json.slice(4));
    expect(answer).toContain('"requestId":"r-late"');
  });

  test("when bodies come late on one connection, then each work has its own request's id", async () => {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.setEncoding("latin1");
    let received = "";
    socket.on("data", (text: string) => (received += text));
    for (const id of ["r-one", "r-two", "r-three"]) {
      const arrived = once(app.getHttpServer(), "request");
      socket.write(
        `POST /things HTTP/1.1\r\nhost: x\r\nx-request-id: ${id}\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n`,
      );
      await arrived;
      await new Promise((resolve) => setImmediate(resolve));
      socket.write('{"name":"x"}');
      await eventually(() => expect(received).toContain(`"requestId":"${id}"`));
    }
    socket.destroy();
  });

  test("when many requests with bodies run at once on few connections, then none gets another's", async () => {
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        request("/things", {
          body: { name: "n".repeat(i * 50) },
          headers: { "x-request-id": `r-${i}` },
        }),
      ),
    );
    expect(answers.map(({ body }) => body.requestId)).toEqual(
      Array.from({ length: 300 }, (_, i) => `r-${i}`),
    );
  });

  test.each(["", "a b", 'a"b', "x".repeat(65), "ä"])(
    "when the caller's is %j, then a new one is made",
    async (id) => {
      const { headers, body } = await request("/things/5", {
        headers: { "x-request-id": Buffer.from(id).toString("latin1") },
      });
      expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
      expect(body.requestId).toBe(headers["x-request-id"]);
    },
  );

  test("when there are two, then a new one is made", async () => {
    const { headers } = await request("/things/5", { headers: { "x-request-id": ["a", "b"] } });
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each(["/nowhere", "/things/%zz", "/things/0", "/failures/bug"])(
    "when the answer to %s is an error, then it is there too",
    async (path) => {
      const { headers, status } = await request(path, { headers: { "x-request-id": "r-err" } });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(headers["x-request-id"]).toBe("r-err");
    },
  );
});

describe("an error body", () => {
  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    request("/things", { body, headers });

  const deep = `${'{"name":'.repeat(5_000)}1${"}".repeat(5_000)}`;
  test.each<[string, string | Buffer, number, string]>([
    ["cut off", '{"name":', 400, "MALFORMED_JSON"],
    ["not JSON", "name=x", 400, "MALFORMED_JSON"],
    ["two values", "{}{}", 400, "MALFORMED_JSON"],
    ["with a byte order mark", '\ufeff{"name":"x"}', 400, "MALFORMED_JSON"],
    ["with a single quote", "{'name':'x'}", 400, "MALFORMED_JSON"],
    ["with NaN", '{"name":NaN}', 400, "MALFORMED_JSON"],
    ["with a raw control character", '{"name":"a\u0001"}', 400, "MALFORMED_JSON"],
    ["not UTF-8", Buffer.from([0x22, 0xff, 0xfe, 0x22]), 400, "MALFORMED_JSON"],
    ["an overlong slash", Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 400, "MALFORMED_JSON"],
    ["UTF-16", Buffer.from('{"name":"x"}', "utf16le"), 400, "MALFORMED_JSON"],
    ["a list", "[]", 400, "VALIDATION_FAILED"],
    ["null", "null", 400, "VALIDATION_FAILED"],
    ["a number", "5", 400, "VALIDATION_FAILED"],
    ["nested five thousand times", deep, 400, "VALIDATION_FAILED"],
    ["a number beyond all", '{"name":1e309}', 400, "VALIDATION_FAILED"],
    ["too large", `{"name":"${"x".repeat(100 * 1024)}"}`, 413, "PAYLOAD_TOO_LARGE"],
  ])(
    "when the body is %s, then the answer says so in the contract's shape",
    async (_what, sent, status, code) => {
      const answer = await post(sent);
      expect(answer.status).toBe(status);
      expect(errorBody.parse(answer.body)).toEqual(answer.body);
      expect(answer.body.code).toBe(code);
      expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    },
  );

  test("when the body is as large as it may be, then it is taken", async () => {
    const frame = JSON.stringify({ name: "" }).length;
    const name = "x".repeat(100 * 1024 - frame);
    expect((await post(JSON.stringify({ name }))).status).toBe(201);
    expect((await post(JSON.stringify({ name: `${name}x` }))).status).toBe(413);
  });

  test("when a large body comes in chunks without its length, then it is refused too", async () => {
    const chunk = `${(16_384).toString(16)}\r\n${"x".repeat(16_384)}\r\n`;
    const head =
      "POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    const answer = await raw(head, ...Array.from({ length: 8 }, () => chunk));
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });

  test.each([
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/jsonp",
  ])("when the body is sent as %s, then it is 415", async (type) => {
    const { status, body } = await post('{"name":"x"}', { "content-type": type });
    expect(status).toBe(415);
    expect(errorBody.parse(body).code).toBe("UNSUPPORTED_MEDIA_TYPE");
  });

  test.each(["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])(
    "when the body is sent as %s, then it is read",
    async (type) => {
      expect((await post('{"name":"Ñ 🖥"}', { "content-type": type })).body.name).toBe("Ñ 🖥");
    },
  );

  test("when there is no body, then the schema says what is wanted", async () => {
    const typed: Record<string, string> = { "content-type": "application/json" };
    for (const headers of [{}, typed]) {
      const { status, body } = await request("/things", { method: "POST", headers });
      expect(status).toBe(400);
      expect(body).toMatchObject({
        code: "VALIDATION_FAILED",
        details: [{ path: "", message: "must be a JSON object" }],
      });
    }
  });

  test("when fields are wrong, unknown or dangerous, then each is named", async () => {
    const { status, body } = await post('{"name":5,"__proto__":{"a":1},"constructor":1,"x":null}');
    expect(status).toBe(400);
    expect(body.code).toBe("VALIDATION_FAILED");
    expect(body.details.map(({ path }: { path: string }) => path).toSorted()).toEqual([
      "__proto__",
      "constructor",
      "name",
      "x",
    ]);
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  test("when a key is given twice, then the last one counts, by JSON's own rules", async () => {
    expect((await post('{"name":"a","name":"b"}')).body.name).toBe("b");
  });

  test("when a parameter is wrong, unknown or repeated, then it is named", async () => {
    const paths = async (path: string) =>
      (await request(path)).body.details.map((detail: { path: string }) => detail.path);
    expect(await paths("/things?limit=0")).toEqual(["limit"]);
    expect(await paths("/things?limit=5&limit=6")).toEqual(["limit"]);
    expect(await paths("/things?offset=5")).toEqual(["offset"]);
    expect(await paths("/things?__proto__=5")).toEqual(["__proto__"]);
    expect((await request("/things?limit=5")).body).toEqual({ limit: 5 });
  });

  test("when a cursor is longer than any, then it is a bad request and no other fault", async () => {
    const { status, body } = await request(`/things?cursor=${"a".repeat(5_000)}`);
    expect({ status, code: body.code }).toEqual({ status: 400, code: "BAD_REQUEST" });
  });

  test.each(["/nowhere", "/things/5/6", "/things/", "//things/5"])(
    "when the route %s is not known, then it is 404",
    async (path) => {
      const { status, body } = await request(path);
      expect(status).toBe(404);
      expect(errorBody.parse(body)).toEqual({
        code: "NOT_FOUND",
        message: "There is no such route",
        details: [],
      });
    },
  );

  test.each(["/things/%zz", "/things/%", "/things/%c3%28"])(
    "when the path %s can't be decoded, then it is 400",
    async (path) => {
      const { status, body } = await request(path);
      expect(status).toBe(400);
      expect(errorBody.parse(body).code).toBe("BAD_REQUEST");
    },
  );

  test("when the path is very long, then it is refused without harm", async () => {
    const { status, body } = await request(`/things/${"9".repeat(5_000)}`);
    expect([400, 404]).toContain(status);
    expect(errorBody.safeParse(body).success).toBe(true);
  });
});

test("when the head is all that a gateway takes and more, then it is read", async () => {
  const headers = { "if-none-match": `"${"a".repeat(48_000)}"` };
  expect(await request("/things/5", { headers })).toMatchObject({ status: 200, body: { id: 5 } });
});

describe("HEAD", () => {
  test("when it is asked for, then it is as GET without the body", async () => {
    const { status, text, headers } = await request("/things/5", { method: "HEAD" });
    expect(status).toBe(200);
    expect(text).toBe("");
    expect(Number(headers["content-length"])).toBeGreaterThan(0);
    expect((await request("/things/0", { method: "HEAD" })).status).toBe(400);
  });
});

describe("a failure inside", () => {
  const errorsLogged = () =>
    testLog.lines.filter(({ level }) => level === "error" || level === "warn");

  test.each(["bug", "text", "nothing", "data", "teapot"])(
    "when a handler throws (%s), then it is a 500 without detail, and logged once with all of it",
    async (how) => {
      const { status, body, text } = await request(`/failures/${how}`, {
        headers: { "x-request-id": `r-${how}` },
      });
      expect(status).toBe(500);
      expect(body).toEqual({ code: "INTERNAL", message: "Something went wrong here", details: [] });
      expect(text).not.toContain("s3cret");
      expect(errorsLogged()).toMatchObject([
        { level: "error", code: "INTERNAL", requestId: `r-${how}` },
      ]);
    },
  );

  test("when it is a bug, then the log has its stack", async () => {
    await request("/failures/bug");
    expect(errorsLogged()).toMatchObject([
      {
        err: {
          type: "TypeError",
          message: "s3cret detail",
          stack: expect.stringContaining("create-http-app.test.ts"),
        },
      },
    ]);
  });

  test.each(["database", "unavailable"])(
    "when what is needed is away (%s), then it is 503 with Retry-After, and a warning",
    async (how) => {
      const { status, body, headers, text } = await request(`/failures/${how}`);
      expect(status).toBe(503);
      expect(body.code).toBe("UNAVAILABLE");
      expect(headers["retry-after"]).toBe("1");
      expect(text).not.toContain("s3cret");
      expect(errorsLogged()).toMatchObject([{ level: "warn", code: "UNAVAILABLE" }]);
    },
  );

  test("when many are refused for one reason, then few lines tell it, and count them all", async () => {
    const refuse = () => request("/failures/database");
    await Promise.all(Array.from({ length: 30 }, refuse));
    for (let refused = 31; ; refused += 1) {
      const before = errorsLogged().length;
      await refuse();
      const lines = errorsLogged();
      if (lines.length === before) continue;
      expect(lines.reduce((sum, { more = 0 }) => sum + 1 + Number(more), 0)).toBe(refused);
      expect(lines.length).toBeLessThan(refused / 2);
      return;
    }
  });

  test("when it is an error of the contract, then it is answered as it is, and not logged", async () => {
    const { status, body } = await request("/failures/contract");
    expect(status).toBe(409);
    expect(body).toEqual({
      code: "PRICE_CHANGED",
      message: "It costs 5 now",
      details: [{ path: "price", message: "5" }],
    });
    expect(errorsLogged()).toEqual([]);
  });
});

test("when requests were answered, then they are counted by route, and no path makes a label of its own", async () => {
  await request("/things/7");
  await request("/nowhere/1");
  await request("/nowhere/2");
  await eventually(async () => {
    const text = await metrics.registry.metrics();
    expect(text).toMatch(
      /http_request_seconds_count\{method="GET",route="\/things\/:id",status="200"\} \d/,
    );
    expect(text).toMatch(/http_request_seconds_count\{method="GET",route="none",status="404"\} \d/);
    expect(text).not.toContain("/nowhere");
  });
});

test("when a caller goes away in the middle of its body, then nothing is logged as a failure here", async () => {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  await new Promise((resolve) =>
    socket.write(
      'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"na',
      resolve,
    ),
  );
  socket.destroy();
  await request("/things/5");
  expect(testLog.lines.filter(({ level }) => level === "error")).toEqual([]);
});
