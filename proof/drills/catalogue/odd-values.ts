import { call } from "@shop/test-support/http";
import * as odd from "@shop/test-support/odd-values";
import { shuffle } from "@shop/test-support/random";
import { sendRaw } from "@shop/test-support/raw-client";
import { nothing, type Drill, type Scene } from "../drill.ts";

const AT_ONCE = 10;
const ODD_TAG_IS_STALE = 412;

/** A request, and the statuses that are right for it. */
interface Case {
  readonly what: string;
  readonly right: (status: number) => boolean;
  send(gateway: string): Promise<number | undefined>;
}

const refused = (status: number): boolean => status >= 400 && status < 500;

const byCall = (method: string, path: string, body?: string | Buffer): Case => ({
  what: `${method} ${path.slice(0, 60)} ${body === undefined ? "" : body.toString().slice(0, 100)}`,
  right: refused,
  send: async (gateway) => (await call(`${gateway}${path}`, { method, body })).status,
});

/** On bare connections: clients of HTTP would not send such headers and targets. */
const bare = (line: string, header: string, right = refused, body = ""): Case => ({
  what: `${line} with ${header.slice(0, 60)}`,
  right,
  send: async (gateway) => {
    const length = body && `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    const bytes = `${line} HTTP/1.1\r\nHost: shop\r\n${header}\r\n${length}Connection: close\r\n\r\n${body}`;
    const { answers } = await sendRaw(gateway, Buffer.from(bytes, "latin1"));
    return answers[0]?.status;
  },
});

/** Each body with each of its fields odd, with a field too many, and what is no JSON. */
function bodies(id: number): Case[] {
  const fields = { name: '"Odd"', price: "10", qty: "1" };
  const order = { productId: String(id), qty: "1", price: "10" };
  const text = (of: Record<string, string>): string =>
    `{${Object.entries(of)
      .map(([name, value]) => `"${name}":${value}`)
      .join()}}`;
  const variants = (good: Record<string, string>): (string | Buffer)[] => {
    const one = Object.keys(good).flatMap((name) =>
      odd.ODD_FIELDS.map((value) => text({ ...good, [name]: value })),
    );
    const more = odd.UNKNOWN_FIELDS.map((field) => `${text(good).slice(0, -1)},${field}}`);
    return [...one, ...more, ...odd.NOT_JSON.map(([, body]) => body)];
  };
  const all = (method: string, path: string, good: Record<string, string>): Case[] =>
    variants(good).map((body) => byCall(method, path, body));
  return [
    ...all("POST", "/products", fields),
    ...all("PUT", `/products/${id}`, fields),
    ...all("POST", "/orders", order),
  ];
}

function parameters(id: number): Case[] {
  const lists = ["/products", `/orders/product/${id}`, `/products/${id}-with-orders`];
  const places = ["/products/*", "/products/*-with-orders", "/orders/*", "/orders/product/*"];
  const queries = [
    ...odd.ODD_QUERIES.map(([query]) => query),
    ...odd.ODD_CURSORS.map((cursor) => `cursor=${cursor}`),
  ];
  return [
    ...lists.flatMap((list) => queries.map((query) => bare(`GET ${list}?${query}`, "X-Odd: no"))),
    ...places.flatMap((place) =>
      odd.ODD_IDS.map((one) => bare(`GET ${place.replace("*", one)}`, "X-Odd: no")),
    ),
    ...odd.ODD_IDS.map((one) => bare(`DELETE /products/${one}`, "X-Odd: no")),
  ];
}

function headers(id: number): Case[] {
  const order = JSON.stringify({ productId: id, qty: 1 });
  const product = JSON.stringify({ name: "Odd", price: 10 });
  const isStale = (status: number): boolean => status === ODD_TAG_IS_STALE || status === 400;
  const notOurs = (status: number): boolean => status < 500;
  return [
    ...odd.ODD_KEYS.map((key) => bare("POST /orders", `Idempotency-Key: ${key}`, refused, order)),
    ...odd.ODD_TAGS.map((tag) => bare(`PUT /products/${id}`, `If-Match: ${tag}`, isStale, product)),
    ...["/products/", "/orders/product/"].flatMap((path) =>
      odd.ODD_HEADERS.map((header) => bare(`GET ${path}${id}`, header, notOurs)),
    ),
  ];
}

/** How many products there are, and how the one in question stands. */
async function written({ system: { truth } }: Scene, id: number): Promise<string> {
  const found = await truth.products(
    "SELECT (SELECT count(*) FROM products) AS count, * FROM products WHERE id = $1",
    [id],
  );
  return JSON.stringify(found);
}

export const oddValuesDrill: Drill = {
  id: "G9",
  name: "odd-values",
  title:
    "`__proto__`, NUL, lone surrogates, bad UTF-8, 1e309 and their like in every field and header",
  promise: "Odd values are 4xx, never 5xx, and nothing is written.",
  rate: 50,
  tolerates: nothing,
  async run(scene) {
    const { system, random, expect, note } = scene;
    const { body } = await call(`${system.gateway}/products`, {
      body: { name: "Odd target", price: 10, qty: 5 },
    });
    const id: number = body.data.id;
    const before = await written(scene, id);
    const cases = shuffle([...bodies(id), ...parameters(id), ...headers(id)], random);
    const heard = new Map<number, number>();
    for (let at = 0; at < cases.length; at += AT_ONCE) {
      await Promise.all(
        cases.slice(at, at + AT_ONCE).map(async (one) => {
          const status = (await one.send(system.gateway)) ?? 0;
          expect(status !== 0 && one.right(status), `${one.what}: ${status}`);
          heard.set(status, (heard.get(status) ?? 0) + 1);
        }),
      );
    }
    const after = await written(scene, id);
    expect(after === before, `was written: ${after}, and before ${before}`);
    const told = [...heard].toSorted(([a], [b]) => a - b);
    note(`${cases.length} requests: ${told.map(([status, n]) => `${status} ×${n}`).join(", ")}`);
  },
};
