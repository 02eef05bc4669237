import { REQUEST_ID_HEADER, REQUEST_ID_PATTERN } from "@shop/contracts/headers";
import { eventually } from "@shop/test-support/eventually";
import { sendRaw, type RawAnswer } from "@shop/test-support/raw-client";
import {
  BAD_REQUEST_IDS,
  CONTROL_CHARACTERS,
  GOOD_REQUEST_IDS,
} from "@shop/test-support/request-id-corpus";
import { nothing, type Drill, type Scene } from "../drill.ts";
import { readLog, type LogLine } from "../program-logs.ts";

const PROGRAMS = ["gateway", "product-service", "order-service"] as const;
/** Routes, with the service that has a line for each of their requests. */
const ROUTES = [
  ["GET /products/:id", "product-service"],
  ["GET /orders/product/:id", "order-service"],
] as const;

/** Which request was answered under which id, and which service has seen it. */
type Sent = Map<string, string>;

async function send(
  { system, load }: Scene,
  route: string,
  id: string,
): Promise<RawAnswer | undefined> {
  const line = route.replace(":id", String(load.productIds[1]));
  const bytes = `${line} HTTP/1.1\r\nHost: shop\r\nX-Request-ID: ${id}\r\nConnection: close\r\n\r\n`;
  return (await sendRaw(system.gateway, Buffer.from(bytes, "latin1"))).answers[0];
}

async function sendAll(scene: Scene): Promise<Sent> {
  const { expect } = scene;
  const sent: Sent = new Map();
  for (const [route, service] of ROUTES) {
    for (const [name, id] of [...BAD_REQUEST_IDS, ...GOOD_REQUEST_IDS.map((one) => [one, one])]) {
      // Of a good one each route makes its own, so that each is sent once.
      const taken = name === id ? `${id}.${service}`.slice(-64) : id!;
      const answer = await send(scene, route, taken);
      const given = answer?.headers[REQUEST_ID_HEADER] ?? "";
      expect(answer?.status === 200, `an id ${name}: answered ${answer?.status}`);
      expect(REQUEST_ID_PATTERN.test(given), `an id ${name}: answered under "${given}"`);
      if (name === id) expect(given === taken, `the id ${taken} became ${given}`);
      else expect(given !== taken, `an id ${name} was taken`);
      sent.set(given, service);
    }
    for (const character of CONTROL_CHARACTERS) {
      const answer = await send(scene, route, `a${character}b`);
      const plain = answer?.status === 400 && answer.text === "";
      expect(plain, `${JSON.stringify(character)} in an id was answered ${answer?.status}`);
    }
  }
  return sent;
}

/** Each request is one line of the gateway's and one of the service's, under its id. */
async function areLogged({ system, expect }: Scene, sent: Sent): Promise<number> {
  const broken: string[] = [];
  const read = (program: string): Map<string, LogLine[]> => {
    broken.length = 0;
    const lines = readLog(system, program, (line) => broken.push(line.slice(0, 120)));
    const answered = lines.filter(({ msg }) => msg === "answered");
    expect(!lines.some(({ level }) => level === "fatal"), `a line of ${program}'s was forged`);
    return Map.groupBy(answered, ({ requestId }) => String(requestId));
  };
  let lines = 0;
  for (const program of PROGRAMS) {
    const ids = [...sent].flatMap(([id, service]) =>
      program === "gateway" || program === service ? [id] : [],
    );
    await eventually(() => {
      const counts = read(program);
      const wrong = ids.filter((id) => counts.get(id)?.length !== 1);
      if (wrong.length > 0) throw new Error(`${program} has not one line for ${wrong.join(", ")}`);
    });
    expect(broken.length === 0, `${program} has lines that are no JSON: ${broken[0]}`);
    lines += ids.length;
  }
  return lines;
}

/** One id, from an order through all programs to its outcome. */
async function followsAnOrder({ system, ledger, load, expect }: Scene): Promise<void> {
  const requestId = "one-id.through_all";
  const { order } = await ledger.place(
    system.gateway,
    { productId: load.productIds[1]!, qty: 1 },
    { requestId },
  );
  expect(order !== undefined, "an order with an id was not taken");
  await eventually(() => {
    for (const program of PROGRAMS) {
      const lines = readLog(system, program, () => undefined);
      const own = lines.filter((line) => line["requestId"] === requestId);
      const kinds = new Set(own.map(({ event, msg }) => [msg, event].join(" ")));
      const wanted = program === "product-service" ? "event told order.updated" : "answered";
      if (![...kinds].some((kind) => kind.startsWith(wanted)))
        throw new Error(`${program} has no line "${wanted}" for the order's id`);
    }
  });
}

export const requestIdsDrill: Drill = {
  id: "G4",
  name: "request-ids",
  title: "request ids of 8 kB, with quotes, control characters, high bytes, twice, under load",
  promise: "One clean id follows a request through all programs, and one valid line tells of it.",
  // Each request is a line of its programs only at this level.
  system: { settings: { LOG_LEVEL: "debug" } },
  rate: 50,
  tolerates: nothing,
  async run(scene) {
    const sent = await sendAll(scene);
    const lines = await areLogged(scene, sent);
    await followsAnOrder(scene);
    scene.note(`${sent.size} requests, ${lines} lines, one for each in each program`);
  },
};
