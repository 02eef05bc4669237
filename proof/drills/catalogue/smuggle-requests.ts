import { call } from "@shop/test-support/http";
import { between, shuffle } from "@shop/test-support/random";
import { sendRaw } from "@shop/test-support/raw-client";
import { smugglingCorpus } from "@shop/test-support/smuggling-corpus";
import { nothing, type Drill } from "../drill.ts";
import { watchServices } from "../service-counters.ts";

const ROUNDS = 5;
const MOST_CUTS = 6;

/** The same bytes in packets of any size: what is refused must not depend on where they are cut. */
function cutAnywhere(bytes: string, random: () => number): string[] {
  const cuts = Array.from({ length: between(random, 1, MOST_CUTS) }, () =>
    between(random, 1, bytes.length - 1),
  );
  const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.slice(places[index], end));
}

export const smugglingDrill: Drill = {
  id: "G1",
  name: "smuggle-requests",
  title: "requests that two readers read in two ways, each with a DELETE hidden behind it",
  promise: "One URL: what is not one plain request is refused, and nothing of it gets through.",
  rate: 50,
  tolerates: nothing,
  async run({ system, random, expect, note }) {
    const { gateway } = system;
    const { body } = await call(`${gateway}/products`, {
      body: { name: "Hidden target", price: 10, qty: 1 },
    });
    const target = `/products/${body.data.id}`;
    const smuggled = `DELETE ${target} HTTP/1.1\r\nHost: shop\r\n\r\n`;
    const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
    const corpus = smugglingCorpus({ read: "/products", smuggled });
    for (const method of ["DELETE", "GET"]) {
      const head = `${method} /products HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n`;
      corpus.push([`a chunked ${method} with a request inside`, head + chunk + smuggled]);
    }
    const services = await watchServices(system);

    let sent = 0;
    const send = async ([name, bytes]: [string, string]): Promise<void> => {
      sent += 1;
      // It fails when the connection is not closed.
      const { answers, rest } = await sendRaw(gateway, ...cutAnywhere(bytes, random));
      const heard = answers.map(({ status }) => status).join();
      // DELETE on the list is a route that is not there, whatever its body.
      // No answer: the connection's end came first, as may happen to who is still sending.
      const fine = /^(?:40[05])?$/.test(heard) && rest === "";
      expect(fine, `${name}: heard ${heard} ${JSON.stringify(rest.slice(0, 80))}`);
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(shuffle(corpus, random).map(send));
    }
    for (const request of await services.seen()) expect(false, request);
    const { status } = await call(`${gateway}${target}`);
    expect(status === 200, `the product that was to be deleted is answered ${status}`);
    note(`${sent} requests of ${corpus.length} kinds refused, nothing of them seen by a service`);
  },
};
