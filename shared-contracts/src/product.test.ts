import { describe, expect, test } from "vitest";
import { ContractError } from "./errors.ts";
import { encodeCursor } from "./page.ts";
import {
  createProductBody,
  MAX_PRODUCT_ID,
  MAX_STOCK,
  product,
  productCursor,
  productCursorPlace,
  productIdText,
  productName,
  productPage,
  replaceProductBody,
  stock,
  type Product,
} from "./product.ts";
import { issuesToDetails } from "./validation.ts";

const body = { name: "Laptop Pro", price: 19.99, qty: 5 };

const pathsOf = (schema: typeof createProductBody | typeof replaceProductBody, value: unknown) =>
  issuesToDetails(schema.safeParse(value).error?.issues ?? []).map(({ path }) => path);

describe("the name of a product", () => {
  test.each([
    ["a", "a"],
    ["  Laptop Pro\t\n", "Laptop Pro"],
    ["\u00a0\ufeffLaptop\u2003", "Laptop"],
    ["Ñandú 電腦 🖥️", "Ñandú 電腦 🖥️"],
    ["'; DROP TABLE products; --", "'; DROP TABLE products; --"],
    ['"version":99', '"version":99'],
  ])("%j is kept as %j", (given, kept) => {
    expect(productName.parse(given)).toBe(kept);
  });

  test("may have 200 emoji, which are 400 code units", () => {
    expect(productName.parse("🖥".repeat(200))).toHaveLength(400);
  });

  test("may have 200 characters between spaces", () => {
    expect(productName.parse(` ${"n".repeat(200)} `)).toHaveLength(200);
  });

  test.each([
    ["nothing", ""],
    ["spaces", " \t\n "],
    ["201 letters", "n".repeat(201)],
    ["201 emoji", "🖥".repeat(201)],
    ["U+0000", "a\u0000b"],
    ["a line feed inside", "a\nb"],
    ["an escape character", "a\u001b[31mb"],
    ["U+0085", "a\u0085b"],
    ["U+007F", "a\u007fb"],
    ["half a surrogate pair in front", "\udc00name"],
    ["half a surrogate pair behind", "name\ud83d"],
    ["surrogates the wrong way round", "\udda5\ud83d"],
    ["a number", 7],
    ["null", null],
    ["a list", ["Laptop"]],
    ["nothing at all", undefined],
  ])("is not %s", (_what, value) => {
    expect(productName.safeParse(value).success).toBe(false);
  });

  test("has a pattern for readers of the schema that accepts the same names", () => {
    const pattern = new RegExp(String(productName.meta()?.["pattern"]), "u");
    const characters = Array.from({ length: 0x3_100 }, (_, code) => String.fromCodePoint(code));
    const shapes = (one: string) => [one, `a${one}`, `${one}a`, `a${one}b`, ` ${one} `];
    const lengths = [199, 200, 201].flatMap((length) =>
      ["n", "🖥"].flatMap((one) => [one.repeat(length), `\t${one.repeat(length)}\u3000`]),
    );
    const names = [...characters, "\ufeff", "🖥"].flatMap(shapes).concat(lengths);
    const different = names.filter(
      (name) => pattern.test(name) !== productName.safeParse(name).success,
    );
    expect(different).toEqual([]);
  });
});

describe("a body for a product", () => {
  test("is accepted with its name trimmed", () => {
    expect(createProductBody.parse({ ...body, name: " x " })).toEqual({ ...body, name: "x" });
    expect(replaceProductBody.parse(body)).toEqual(body);
  });

  test("may leave out qty in a replacement", () => {
    expect(replaceProductBody.parse({ name: "x", price: 1 })).toEqual({ name: "x", price: 1 });
  });

  test.each([
    ["no name", { price: 1, qty: 1 }, ["name"]],
    ["nothing in it", {}, ["name", "price", "qty"]],
    ["numbers in strings", { name: "x", price: "1", qty: "1" }, ["price", "qty"]],
    ["half a piece", { ...body, qty: 1.5 }, ["qty"]],
    ["less than nothing", { ...body, price: -1, qty: -1 }, ["price", "qty"]],
    ["more than there can be", { ...body, qty: MAX_STOCK + 1 }, ["qty"]],
    ["an integer beyond all", { ...body, qty: 1e21 }, ["qty"]],
    ["1e309", { ...body, price: Infinity, qty: Infinity }, ["price", "qty"]],
    ["null for a number", { ...body, qty: null }, ["qty"]],
    ["a boolean for a number", { ...body, qty: true }, ["qty"]],
    ["fields that are not known", { ...body, id: 1, version: 2 }, ["id", "version"]],
  ])("is rejected with %s, and exactly the wrong fields are named", (_what, value, paths) => {
    expect(pathsOf(createProductBody, value)).toEqual(paths);
  });

  test.each([null, undefined, [], "text", 5, true])(
    "is rejected as %j: an object is wanted",
    (value) => {
      for (const schema of [createProductBody, replaceProductBody]) {
        expect(issuesToDetails(schema.safeParse(value).error!.issues)).toEqual([
          { path: "", message: "must be a JSON object" },
        ]);
      }
    },
  );

  test("is rejected with `__proto__` as an unknown field", () => {
    const value: unknown = JSON.parse(`{"name":"x","price":1,"qty":1,"__proto__":{"admin":true}}`);
    expect(pathsOf(createProductBody, value)).toEqual(["__proto__"]);
    expect(pathsOf(replaceProductBody, value)).toEqual(["__proto__"]);
  });

  test.each(["constructor", "toString", "hasOwnProperty"])(
    "is rejected with %s as an unknown field",
    (key) => {
      expect(pathsOf(createProductBody, { ...body, [key]: 1 })).toEqual([key]);
    },
  );

  test("is rejected with the range of an integer that is out of it", () => {
    for (const qty of [-1, 1.5, MAX_STOCK + 1, 1e21, Infinity, "1", null]) {
      const messages = createProductBody
        .safeParse({ ...body, qty })
        .error?.issues.map(({ message }) => message);
      expect(new Set(messages)).toEqual(new Set([`must be an integer from 0 to ${MAX_STOCK}`]));
    }
  });
});

describe("the stock of a product", () => {
  test.each([0, 1, MAX_STOCK])("may be %d", (qty) => {
    expect(stock.parse(qty)).toBe(qty);
  });

  test("is 1 as 1.0 or 1e0, by JSON's own rules", () => {
    expect(stock.parse(JSON.parse("1.0"))).toBe(1);
    expect(stock.parse(JSON.parse("1e0"))).toBe(1);
  });
});

describe("the id of a product in a path", () => {
  test.each([
    ["1", 1],
    ["26", 26],
    [String(MAX_PRODUCT_ID), MAX_PRODUCT_ID],
  ])("is a number: %s", (text, id) => {
    expect(productIdText.parse(text)).toBe(id);
  });

  test.each([
    "0",
    "-1",
    "+1",
    "01",
    "1.0",
    "1e3",
    "0x1",
    " 1",
    "1\n",
    "٣",
    "",
    "abc",
    "1-with-orders",
    String(MAX_PRODUCT_ID + 1),
    "9".repeat(10),
    "9".repeat(400),
  ])("is not %j", (text) => {
    expect(productIdText.safeParse(text).success).toBe(false);
  });
});

describe("a cursor of the products", () => {
  test.each([1, 26, MAX_PRODUCT_ID])("leads to product %d", (id) => {
    expect(productCursorPlace(productCursor(id))).toBe(id);
  });

  test.each([
    ["a made-up place", encodeCursor("product", "0")],
    ["a place that no id reaches", encodeCursor("product", MAX_PRODUCT_ID + 1)],
    ["the largest place with ten digits", encodeCursor("product", "9999999999")],
    ["SQL", encodeCursor("product", "1; DROP TABLE products")],
    ["the orders' list", encodeCursor("order", "26")],
    ["a sign", encodeCursor("product", "-1")],
  ])("is a bad request with %s", (_what, cursor) => {
    expect(() => productCursorPlace(cursor)).toThrow(
      expect.objectContaining({ code: "BAD_REQUEST" }),
    );
    expect(() => productCursorPlace(cursor)).toThrow(ContractError);
  });
});

describe("a product in an answer", () => {
  const at = "2026-11-20T10:15:30.123Z";
  const sample: Product = { id: 26, ...body, version: 1, createdAt: at, updatedAt: at };

  test("is accepted, in a page as well", () => {
    expect(product.parse(sample)).toEqual(sample);
    const page = { items: [sample], nextCursor: null };
    expect(productPage.parse(page)).toEqual(page);
  });

  test.each([
    { id: 0 },
    { id: MAX_PRODUCT_ID + 1 },
    { version: 0 },
    { version: 1.5 },
    { price: 1.005 },
    { qty: -1 },
    { createdAt: "yesterday" },
    { updatedAt: "2026-11-20T10:15:30.123" },
  ])("never has %j", (wrong) => {
    expect(product.safeParse({ ...sample, ...wrong }).success).toBe(false);
  });
});
