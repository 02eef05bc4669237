import { describe, expect, test } from "vitest";
import { createTestLog } from "../kit.fixture.ts";
import { createLogger, describeError, EventLog } from "./logger.ts";
import { acceptRequestId, currentRequestId, withRequestId } from "./request-id.ts";

/** The very text that is written. */
function rawLog(level = "info") {
  const written: string[] = [];
  const log = createLogger(
    { name: "test", level },
    { write: (text: string) => void written.push(text) },
  );
  return { log, written };
}

describe("a log line", () => {
  test("when anything is logged, then it is one JSON line with its level, time and service", () => {
    const { log, written } = rawLog();
    log.warn({ note: 'two\nlines, "quotes" and \u001b[31m' }, "a\nmessage");
    expect(written).toHaveLength(1);
    expect(written[0]!.trimEnd()).not.toContain("\n");
    expect(JSON.parse(written[0]!)).toEqual({
      level: "warn",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: "test",
      note: 'two\nlines, "quotes" and \u001b[31m',
      msg: "a\nmessage",
    });
  });

  test("when its level is below the configured one, then there is none", () => {
    const { log, written } = rawLog("warn");
    log.info("no");
    expect(written).toEqual([]);
  });

  test("when it belongs to a request, then it carries its id, also after waits, and requests do not mix", async () => {
    const { log, lines } = createTestLog();
    await Promise.all(
      ["r-1", "r-2"].map((requestId) =>
        withRequestId(requestId, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          log.info({ expected: requestId }, "inside");
        }),
      ),
    );
    log.info("outside");
    const inside = lines.filter(({ msg }) => msg === "inside");
    expect(inside).toHaveLength(2);
    for (const line of inside) expect(line.requestId).toBe(line["expected"]);
    expect(lines.find(({ msg }) => msg === "outside")).not.toHaveProperty("requestId");
  });

  test("when it has a request id of its own, then that one wins, and stands there once", () => {
    const { log, written } = rawLog();
    withRequestId("surrounding", () => log.info({ requestId: "own" }, "x"));
    expect(written[0]!.match(/"requestId"/g)).toHaveLength(1);
    expect(JSON.parse(written[0]!)).toMatchObject({ requestId: "own" });
  });
});

describe("an error in the log", () => {
  test("when it comes from a database, then its code and stack are there, and nothing that a user sent", () => {
    const { log, lines } = createTestLog();
    const driverError = Object.assign(new Error("duplicate key"), {
      detail: "Key (name)=(s3cret)",
    });
    const error = Object.assign(new Error("duplicate key", { cause: driverError }), {
      code: "23505",
      query: "INSERT INTO t VALUES ('s3cret')",
      parameters: ["s3cret"],
      detail: "Key (name)=(s3cret) already exists.",
      where: "s3cret",
      driverError,
    });
    log.error({ err: error }, "it failed");
    log.error(error);
    expect(lines[0]).toMatchObject({
      msg: "it failed",
      err: {
        type: "Error",
        message: "duplicate key",
        code: "23505",
        stack: expect.stringContaining("logger.test.ts"),
        cause: { message: "duplicate key" },
      },
    });
    expect(JSON.stringify(lines)).not.toContain("s3cret");
  });

  test("when its causes go round in a circle, then it is logged all the same", () => {
    const error = new Error("outer");
    error.cause = new Error("inner", { cause: error });
    const { log, lines } = createTestLog();
    log.error({ err: error }, "round");
    expect(lines[0]).toMatchObject({ err: { message: "outer", cause: { message: "inner" } } });
  });

  test("when it has several errors inside, then each is told", () => {
    const error = new AggregateError([new Error("first"), new Error("second")], "all failed");
    expect(JSON.stringify(describeError(error))).toMatch(/first.*second/);
  });

  test.each(["text", 5, null, undefined, { secret: 1 }])(
    "when %j was thrown, then the log says only that",
    (thrown) => {
      expect(describeError(thrown)).toEqual({
        message: "something that is not an Error was thrown",
      });
    },
  );
});

describe("events in the log", () => {
  const events = [{ id: "e-1", type: "order.created", requestId: "own", data: { note: "s3cret" } }];

  test.each(["info", "debug"] as const)(
    "when events are told and taken, then each is a line at %s with its own request id",
    (level) => {
      const { log, lines } = createTestLog();
      const eventLog = new EventLog(log, level);
      withRequestId("surrounding", () => {
        eventLog.published(events);
        eventLog.consumed(events);
      });
      const line = { level, event: "order.created", eventId: "e-1", requestId: "own" };
      expect(lines).toMatchObject([
        { ...line, msg: "event published" },
        { ...line, msg: "event consumed" },
      ]);
      expect(JSON.stringify(lines)).not.toContain("s3cret");
    },
  );

  test("when the level is not enabled, then there are no lines", () => {
    const { log, written } = rawLog("info");
    new EventLog(log, "debug").published(events);
    expect(written).toEqual([]);
  });
});

describe("a request id", () => {
  test.each(["a", "A.b-c_9", "x".repeat(64)])("when the caller's is %s, then it is taken", (id) => {
    expect(acceptRequestId(id)).toBe(id);
  });

  test.each(["", "x".repeat(65), "a b", 'a"b', "a\r\nb", undefined, ["a", "b"], 5])(
    "when the caller's is %j, then a new one is made",
    (candidate) => {
      const id = acceptRequestId(candidate);
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(acceptRequestId(candidate)).not.toBe(id);
    },
  );

  test("when no request is being worked on, then there is none", () => {
    expect(currentRequestId()).toBeUndefined();
    expect(withRequestId("r-1", currentRequestId)).toBe("r-1");
  });
});
