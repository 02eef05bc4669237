import { describe, expect, test } from "vitest";
import { decodeCursor, encodeCursor, pageQuery } from "./page.ts";
import { issuesToDetails } from "./validation.ts";

describe("the query of a list", () => {
  test("when it is empty, then the limit is 20 and there is no cursor", () => {
    expect(pageQuery.parse({})).toEqual({ limit: 20 });
  });

  test.each([
    ["1", 1],
    ["20", 20],
    ["100", 100],
  ])("when the limit is %s, then it is that number", (text, limit) => {
    expect(pageQuery.parse({ limit: text })).toEqual({ limit });
  });

  test.each(["0", "101", "999", "1000", "-1", "+5", "05", "5.0", "1e1", " 5", "5\n", "five", ""])(
    "when the limit is %j, then it is refused with the range",
    (limit) => {
      const { error } = pageQuery.safeParse({ limit });
      expect(issuesToDetails(error?.issues ?? [])).toEqual([
        { path: "limit", message: "must be an integer from 1 to 100" },
      ]);
    },
  );

  test("when a parameter is repeated, then it is refused", () => {
    const { error } = pageQuery.safeParse({ limit: ["1", "2"], cursor: ["a", "b"] });
    expect(issuesToDetails(error?.issues ?? [])).toEqual([
      { path: "limit", message: "must be given once" },
      { path: "cursor", message: "must be given once" },
    ]);
  });

  test("when a parameter is not known, then it is named", () => {
    const { error } = pageQuery.safeParse({ offset: "5", page: "1" });
    expect(issuesToDetails(error?.issues ?? []).map(({ path }) => path)).toEqual([
      "offset",
      "page",
    ]);
  });
});

describe("a cursor", () => {
  const place = (text: string): string => decodeCursor("thing", text, (it) => /^\d{1,9}$/.test(it));

  test("when this list gave it out, then its place is known again", () => {
    expect(place(encodeCursor("thing", 4711))).toBe("4711");
  });

  test("when it is in a URL, then nothing of it needs to be escaped", () => {
    expect(encodeCursor("thing", "019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20")).toMatch(/^[\w-]+$/);
  });

  test.each([
    ["empty", ""],
    ["of another list", encodeCursor("other", 4711)],
    ["of a list with the same length of name", encodeCursor("thong", 4711)],
    ["without a kind", Buffer.from("4711").toString("base64url")],
    ["without a place", encodeCursor("thing", "")],
    ["of a place that is not one", encodeCursor("thing", "4711;")],
    ["not base64", "!!!!"],
    ["padded", `${encodeCursor("thing", 4711)}==`],
    ["in the other base64 alphabet", "dGhpbmc6NDcxMQ+/"],
    ["followed by a space", `${encodeCursor("thing", 4711)} `],
    ["followed by rubbish", `${encodeCursor("thing", 4711)}.`],
    ["another spelling of the same bytes", "dGhpbmc6NDcxMR"],
    ["very long", "A".repeat(100_000)],
    ["not ASCII", "ｄＧ"],
  ])("when it is %s, then it is a bad request that names the cursor", (_what, text) => {
    expect(() => place(text)).toThrow(
      expect.objectContaining({
        code: "BAD_REQUEST",
        details: [{ path: "cursor", message: expect.any(String) }],
      }),
    );
  });

  test("when it is longer than any, then the query of a list is refused with the same words", () => {
    const refusal = expect.objectContaining({
      code: "BAD_REQUEST",
      message: "The cursor is not one that this list gave out",
      details: [{ path: "cursor", message: expect.any(String) }],
    });
    expect(() => place("A".repeat(129))).toThrow(refusal);
    expect(() => pageQuery.safeParse({ cursor: "A".repeat(129) })).toThrow(refusal);
    expect(pageQuery.parse({ cursor: "A".repeat(128) })).toMatchObject({ limit: 20 });
  });

  test("when a spelling differs in unused bits only, then it is refused although it decodes", () => {
    const cursor = encodeCursor("thing", 4711);
    const respelled = `${cursor.slice(0, -1)}R`;
    expect(respelled).not.toBe(cursor);
    expect(Buffer.from(respelled, "base64url").toString()).toBe("thing:4711");
    expect(() => place(respelled)).toThrow("The cursor is not one");
  });
});
