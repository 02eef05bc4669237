import { describe, expect, test } from "vitest";
import { z } from "zod";
import { issuesToDetails, validationFailed } from "./validation.ts";

const schema = z.strictObject({
  name: z.string("must be a string"),
  lines: z.array(z.strictObject({ qty: z.int("must be an integer") })).optional(),
});

const detailsOf = (value: unknown) => issuesToDetails(schema.safeParse(value).error?.issues ?? []);

describe("the details of a refusal", () => {
  test("when several fields are wrong, then each has one entry with its path", () => {
    expect(detailsOf({ name: 5, lines: [{ qty: 1 }, { qty: 0.5, x: 1 }], y: 1, z: 2 })).toEqual([
      { path: "name", message: "must be a string" },
      { path: "lines.1.qty", message: "must be an integer" },
      { path: "lines.1.x", message: "is not known here" },
      { path: "y", message: "is not known here" },
      { path: "z", message: "is not known here" },
    ]);
  });

  test("when a value breaks several rules, then its field has one entry, with the first", () => {
    const rules = z.object({ n: z.number().min(5, "too small").multipleOf(2, "odd") });
    expect(issuesToDetails(rules.safeParse({ n: 3 }).error!.issues)).toEqual([
      { path: "n", message: "too small" },
    ]);
  });

  test("when ten thousand fields are unknown, then no more than 50 are named", () => {
    const body = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, 1]));
    const details = detailsOf({ name: "x", ...body });
    expect(details).toHaveLength(50);
    expect(details[49]).toEqual({ path: "k49", message: "is not known here" });
  });

  test("when many values are wrong, then no more than 50 are named", () => {
    const lines = Array.from({ length: 1_000 }, () => ({ qty: "x" }));
    expect(detailsOf({ name: "x", lines })).toHaveLength(50);
  });

  test("when a key is very long, then its name is cut", () => {
    const [detail] = detailsOf({ name: "x", ["k".repeat(90_000)]: 1 });
    expect(detail?.path).toBe("k".repeat(100));
  });

  test("when a key is half a surrogate pair, or is cut into one, then the path is still text", () => {
    const [half, cut] = detailsOf({ name: "x", "\ud83d": 1, [`${"k".repeat(99)}🖥`]: 1 });
    expect(half?.path).toBe("\ufffd");
    expect(cut?.path).toBe(`${"k".repeat(99)}\ufffd`);
  });

  test("when an issue names its path in the other form of the standard, then it is read too", () => {
    expect(issuesToDetails([{ message: "no", path: [{ key: "a" }, 0, { key: "b" }] }])).toEqual([
      { path: "a.0.b", message: "no" },
    ]);
    expect(issuesToDetails([{ message: "no" }])).toEqual([{ path: "", message: "no" }]);
  });
});

describe("the error for a refusal", () => {
  test("when fields are wrong, then the message names the first five", () => {
    const error = validationFailed(
      ["a", "b", "c", "d", "e", "f"].map((key) => ({ message: "no", path: [key] })),
    );
    expect(error).toMatchObject({ code: "VALIDATION_FAILED", status: 400 });
    expect(error.message).toBe("The request is not valid: see details for a, b, c, d, e");
    expect(error.details).toHaveLength(6);
  });

  test("when the body as a whole is wrong, then the message says so", () => {
    expect(validationFailed([{ message: "must be a JSON object" }]).message).toContain("the body");
  });
});
