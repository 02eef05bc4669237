import { REQUEST_ID_HEADER } from "@shop/contracts/headers";
import { eventually } from "@shop/test-support/eventually";
import { call } from "@shop/test-support/http";
import { openRaw, readToEnd, sendRaw, type RawAnswer } from "@shop/test-support/raw-client";
import { nothing, type Drill, type Scene } from "../drill.ts";
import { watchServices } from "../service-counters.ts";

const EVIL = "evil.example";
/** What a client may try to say on behalf of a proxy, of the gateway or of another client. */
const FORGED = [
  `X-Forwarded-Host: ${EVIL}`,
  `X-Forwarded-For: 6.6.6.6, ${EVIL}`,
  "X-Forwarded-Proto: https",
  "X-Forwarded-Prefix: /forged",
  `Forwarded: for=6.6.6.6;host=${EVIL}`,
  `X-Original-URL: /metrics`,
  `X-Rewrite-URL: /metrics`,
  "X-HTTP-Method-Override: DELETE",
  // Services without a token of the shop refuse whoever names a subject: it would show.
  "X-Subject: admin",
  "X-Scopes: orders:read products:write",
  "X-Internal-Token: guessed-guessed-guessed-guessed-guess",
  "Upgrade: h2c",
  "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
  "TE: trailers",
  "Trailer: X-Late",
  "Keep-Alive: timeout=1",
  "Proxy-Connection: close",
  "Expect: 42-pills",
].join("\r\n");
/** Those that a proxy would need, and would lose if it believed its client. */
const NAMED = `Connection: ${REQUEST_ID_HEADER}, idempotency-key, content-type, content-length, host, close`;

const TOLD = new Set(
  `connection content-length content-security-policy content-type date etag idempotency-replayed keep-alive location
   strict-transport-security x-content-type-options x-frame-options ${REQUEST_ID_HEADER}`.split(
    /\s+/,
  ),
);

const request = (line: string, headers: readonly string[] = [], body = ""): string =>
  [`${line} HTTP/1.1`, `Host: ${EVIL}`, FORGED, ...headers, NAMED, ""].join("\r\n") +
  (body && `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`) +
  `\r\n${body}`;

/** Sends it, and looks for anything in the answer that was forged, or that is none of a client's business. */
async function ask({ system, expect }: Scene, bytes: string): Promise<RawAnswer> {
  const [answer, ...more] = (await sendRaw(system.gateway, bytes)).answers;
  const what = bytes.slice(0, bytes.indexOf(" HTTP/"));
  if (!answer) throw new Error(`${what} was not answered`);
  expect(more.length === 0, `${what} was answered more than once`);
  const unknown = Object.keys(answer.headers).filter((name) => !TOLD.has(name));
  expect(unknown.length === 0, `${what}: the answer has ${unknown.join(", ")}`);
  const hosts = ["product-service", "order-service"].map((name) => new URL(system.url(name)).host);
  const text = JSON.stringify(answer);
  for (const secret of [EVIL, "6.6.6.6", "/forged", ...hosts]) {
    expect(!text.includes(secret), `${what}: ${secret} is in the answer`);
  }
  return answer;
}

/** The place of what was made is told as the route says it; the product is left for the checks that follow. */
async function placesAreOurs(scene: Scene): Promise<string> {
  const body = JSON.stringify({ name: "Forged", price: 10, qty: 5 });
  let location = "";
  for (const prefix of ["/api/v1", ""]) {
    const { status, headers } = await ask(scene, request(`POST ${prefix}/products`, [], body));
    location = headers["location"] ?? "";
    scene.expect(status === 201, `a product was answered ${status}`);
    const right = new RegExp(`^${prefix}/products/\\d+$`).test(location);
    scene.expect(right, `the place of a product is told as "${location}"`);
  }
  return location;
}

/** Whoever is named: the id stays, and so does the key, which belongs to all together without authentication. */
async function namesStay(scene: Scene): Promise<void> {
  const { system, ledger, load, expect } = scene;
  const wish = { productId: load.productIds[2]!, qty: 1 };
  const [key, requestId] = ["forged-key", "forged.headers-1"].map(
    (name) => `${name}-${Date.now()}`,
  );
  const bytes = request(
    "POST /orders",
    [`Idempotency-Key: ${key}`, `X-Request-ID: ${requestId}`],
    JSON.stringify(wish),
  );
  await system.broker(async (client) => {
    const heard = await client.hear("order.created");
    const entry = await ledger.place(system.gateway, wish, { key: key!, requestId: requestId! });
    const again = await ask(scene, bytes);
    const same = again.status === 201 && JSON.parse(again.text).data.id === entry.order?.id;
    expect(same, `the same key was answered ${again.status} ${again.text.slice(0, 120)}`);
    expect(again.headers["idempotency-replayed"] === "true", "the key was not known again");
    expect(again.headers[REQUEST_ID_HEADER] === requestId, "the id was taken off the answer");
    await eventually(() => {
      const told = heard.find(({ data }) => data.id === entry.order?.id);
      if (told?.requestId !== requestId) throw new Error(`the event has the id ${told?.requestId}`);
    });
  });
}

/** What is meant for a proxy, or for nobody. */
async function nothingIsProxied(scene: Scene): Promise<void> {
  const { system, expect } = scene;
  const urls = ["product-service", "order-service"].map(system.url);
  for (const [line, right] of [
    [`GET http://${EVIL}/products/1`, 400],
    ...urls.map((url) => [`GET ${url}/metrics`, 400] as const),
    [`CONNECT ${new URL(urls[0]!).host}`, 405],
    ["TRACE /products", 405],
    ["TRACK /products", 400],
  ] as const) {
    const { status } = (await sendRaw(system.gateway, request(line))).answers[0] ?? {};
    expect(status === right, `${line} was answered ${status}`);
  }
  for (const hosts of ["", `Host: shop\r\nHost: ${EVIL}\r\n`]) {
    const bytes = `GET /products HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`;
    const { status } = (await sendRaw(system.gateway, bytes)).answers[0] ?? {};
    expect(status === 400, `${hosts === "" ? "no Host" : "two Hosts"}: answered ${status}`);
  }
}

/** The body comes when it is asked for, and is not asked for when it would be too large. */
async function bodiesAreExpected({ system, expect }: Scene, place: string): Promise<void> {
  const head = `PUT ${place} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n`;
  const body = JSON.stringify({ name: "Expected", price: 10 });
  const socket = await openRaw(system.gateway);
  socket.write(`${head}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.once("data", () => socket.write(body));
  const heard = (await readToEnd(socket)).answers.map(({ status }) => status);
  expect(heard.join() === "100,200", `Expect: 100-continue was answered ${heard.join()}`);
  const large = await sendRaw(system.gateway, `${head}Content-Length: 999999999\r\n\r\n`);
  const { status } = large.answers[0] ?? {};
  expect(status === 413, `Expect: 100-continue with a large body was answered ${status}`);
}

export const forgedHeadersDrill: Drill = {
  id: "G2",
  name: "forge-headers",
  title:
    "Host, X-Forwarded-*, hop-by-hop, internal and Expect headers, and absolute targets, all forged",
  promise: "One URL: what a client says on behalf of others is heard by nobody.",
  rate: 50,
  tolerates: nothing,
  async run(scene) {
    const { system, expect, note } = scene;
    const services = await watchServices(system);
    const place = await placesAreOurs(scene);
    for (const path of [place, `/api/v1${place}`, "/nowhere", "/metrics", "/products/x"]) {
      const { status } = await ask(scene, request(`GET ${path}`));
      const right = path.endsWith(place) ? [200] : [400, 404];
      expect(right.includes(status), `GET ${path} was answered ${status}`);
    }
    await namesStay(scene);
    await nothingIsProxied(scene);
    await bodiesAreExpected(scene, place);
    const { status } = await call(`${system.gateway}${place}`);
    expect(status === 200, `the product is answered ${status} afterwards`);
    for (const one of await services.seen({ "product-service POST /products": 2 })) {
      expect(false, one);
    }
    note("nothing forged in an answer, an event or a service's counters");
  },
};
