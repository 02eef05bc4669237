import { REQUEST_ID_HEADER, REQUEST_ID_PATTERN } from "@shop/contracts/headers";
import { call } from "@shop/test-support/http";
import { NOT_JSON, ODD_FIELDS, ODD_IDS, UNKNOWN_FIELDS } from "@shop/test-support/odd-values";
import { BAD_PATHS, internalTargets, NO_ROUTES } from "@shop/test-support/path-corpus";
import { between, shuffle } from "@shop/test-support/random";
import { sendRaw } from "@shop/test-support/raw-client";
import { BAD_REQUEST_IDS } from "@shop/test-support/request-id-corpus";
import { smugglingCorpus } from "@shop/test-support/smuggling-corpus";
import { nothing, type Drill, type Scene } from "../drill.ts";
import type { DrillSystem } from "../system.ts";

const AT_ONCE = 10;
const MOST_CUTS = 6;
const SERVICES = ["product-service", "order-service"] as const;

/** Sends one request; a complaint when it was answered in any other way than it should. */
type Attack = (scene: Scene) => Promise<string | undefined>;

/** The same bytes in packets of any size: what is refused must not depend on where they are cut. */
function cutAnywhere(bytes: string, random: () => number): string[] {
  const cuts = Array.from({ length: between(random, 1, MOST_CUTS) }, () =>
    between(random, 1, bytes.length - 1),
  );
  const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.slice(places[index], end));
}

/** Each hides a DELETE of a product, whose answer would be a 2xx. */
const smuggled = (target: string): Attack[] =>
  smugglingCorpus({
    read: "/products",
    smuggled: `DELETE ${target} HTTP/1.1\r\nHost: shop\r\n\r\n`,
  }).map(([name, bytes]) => async ({ system, random }) => {
    const { answers, rest } = await sendRaw(system.gateway, ...cutAnywhere(bytes, random));
    const heard = answers.map(({ status }) => status).join();
    // No answer: the connection's end came first, as may happen to a client that is still sending.
    return /^(?:40[05])?$/.test(heard) && rest === ""
      ? undefined
      : `smuggled, ${name}: heard ${heard} ${JSON.stringify(rest.slice(0, 80))}`;
  });

const bare = (system: DrillSystem, line: string, header = "X-Plain: yes") =>
  sendRaw(
    system.gateway,
    Buffer.from(
      `${line} HTTP/1.1\r\nHost: shop\r\n${header}\r\nConnection: close\r\n\r\n`,
      "latin1",
    ),
  );

const internalPaths = (system: DrillSystem): Attack[] =>
  [...internalTargets(SERVICES.map(system.url)), ...BAD_PATHS, ...NO_ROUTES].map(
    (path) => async () => {
      const { status, text = "" } = (await bare(system, `GET ${path}`)).answers[0] ?? {};
      // The gateway's own refusals: a service's have no envelope, and its metrics are no JSON.
      const isRefusal = text === "" || text.startsWith('{"success":false,');
      return (status === 400 || status === 404) && isRefusal
        ? undefined
        : `GET ${path} was answered ${status} ${text.slice(0, 80)}`;
    },
  );

/** Each body with each of its fields odd, with a field too many, and what is not JSON. */
function oddBodies(productId: number): Attack[] {
  const product = { name: '"Odd"', price: "10", qty: "1" };
  const order = { productId: String(productId), qty: "1", price: "10" };
  const text = (fields: Record<string, string>): string =>
    `{${Object.entries(fields)
      .map(([name, value]) => `"${name}":${value}`)
      .join()}}`;
  const attack =
    (method: string, path: string, body: string | Buffer): Attack =>
    async ({ system }) => {
      const { status } = await call(`${system.gateway}${path}`, { method, body });
      const what = `${method} ${path} ${body.toString().slice(0, 80)}`;
      return status >= 400 && status < 500 ? undefined : `${what} was answered ${status}`;
    };
  const all = (method: string, path: string, good: Record<string, string>): Attack[] =>
    [
      ...Object.keys(good).flatMap((name) =>
        ODD_FIELDS.map((value) => text({ ...good, [name]: value })),
      ),
      ...UNKNOWN_FIELDS.map((field) => `${text(good).slice(0, -1)},${field}}`),
      ...NOT_JSON.map(([, body]) => body),
    ].map((body) => attack(method, path, body));
  return [
    ...all("POST", "/products", product),
    ...all("PUT", `/products/${productId}`, product),
    ...all("POST", "/orders", order),
  ];
}

const oddIds = (system: DrillSystem): Attack[] =>
  ["GET /products/*", "GET /orders/*", "GET /orders/product/*", "DELETE /products/*"].flatMap(
    (line) =>
      ODD_IDS.map((id) => async () => {
        const { status = 0 } = (await bare(system, line.replace("*", id))).answers[0] ?? {};
        return status >= 400 && status < 500 ? undefined : `${line} ${id} was answered ${status}`;
      }),
  );

/** The request is fine, and is answered under an id of the gateway's own. */
const badRequestIds = (system: DrillSystem, target: string): Attack[] =>
  BAD_REQUEST_IDS.map(([name, id]) => async () => {
    const [answer] = (await bare(system, `GET ${target}`, `X-Request-ID: ${id}`)).answers;
    const given = answer?.headers[REQUEST_ID_HEADER] ?? "";
    const isClean = REQUEST_ID_PATTERN.test(given) && given !== id;
    return answer?.status === 200 && isClean
      ? undefined
      : `an id ${name} was answered ${answer?.status} under "${given}"`;
  });

/** How many DELETEs and internal requests each service has answered, by its own count; the load sends none. */
async function seenByServices(system: DrillSystem): Promise<string> {
  const texts = SERVICES.map(async (service) => {
    const text = await (await fetch(`${system.url(service)}/metrics`)).text();
    const counts = text.matchAll(/^http_request_seconds_count\{.*\} \d+$/gm);
    return [...counts].map(([line]) => line).filter((line) => /DELETE|POST \/products/.test(line));
  });
  return (await Promise.all(texts)).flat().join("\n");
}

export const hostileRequestsDrill: Drill = {
  id: "G1",
  name: "hostile-requests",
  title:
    "smuggled requests, internal paths, odd values and request ids (G1, G3, G4, G9), all at once and under load",
  promise:
    "One URL: what is not a plain request of the contract is a 4xx, and nothing of it gets through.",
  rate: 50,
  tolerates: nothing,
  async run(scene) {
    const { system, random, expect, note } = scene;
    const body = { name: "Target", price: 10, qty: 1 };
    const id: number = (await call(`${system.gateway}/products`, { body })).body.data.id;
    const target = `/products/${id}`;
    const stored = async (): Promise<string> =>
      JSON.stringify(
        await system.truth.products(
          "SELECT (SELECT count(*) FROM products) AS count, * FROM products WHERE id = $1",
          [id],
        ),
      );
    const [before, seenBefore] = [await stored(), await seenByServices(system)];
    const attacks = shuffle(
      [
        ...smuggled(target),
        ...internalPaths(system),
        ...oddBodies(id),
        ...oddIds(system),
        ...badRequestIds(system, target),
      ],
      random,
    );
    for (let at = 0; at < attacks.length; at += AT_ONCE) {
      const some = attacks.slice(at, at + AT_ONCE);
      for (const complaint of await Promise.all(some.map((attack) => attack(scene)))) {
        expect(complaint === undefined, complaint ?? "");
      }
    }
    const [after, seen] = [await stored(), await seenByServices(system)];
    expect(after === before, `was written, or the product that was to be deleted is: ${after}`);
    expect(seen === seenBefore, `a service has seen ${seen}, and before ${seenBefore}`);
    note(`${attacks.length} requests, none of them seen by a service`);
  },
};
