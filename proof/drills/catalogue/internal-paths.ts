import { BAD_PATHS, internalTargets, NO_ROUTES } from "@shop/test-support/path-corpus";
import { shuffle } from "@shop/test-support/random";
import { sendRaw } from "@shop/test-support/raw-client";
import { nothing, type Drill } from "../drill.ts";
import { watchServices } from "../service-counters.ts";

const AT_ONCE = 10;
const REFUSALS = new Set([400, 404]);

export const internalPathsDrill: Drill = {
  id: "G3",
  name: "internal-paths",
  title: "the services' metrics and health asked for through the gateway, in every disguise",
  promise: "One URL: only routes of the contract lead to a service.",
  rate: 50,
  tolerates: nothing,
  async run({ system, random, expect, note }) {
    const services = await watchServices(system);
    const urls = ["product-service", "order-service"].map(system.url);
    const hosts = ["shop", ...urls.map((url) => new URL(url).host)];
    const targets = [...internalTargets(urls), ...BAD_PATHS, ...NO_ROUTES];
    const requests = shuffle(
      targets.flatMap((target) => hosts.map((host) => ({ target, host }))),
      random,
    );
    const send = async ({ target, host }: { target: string; host: string }): Promise<void> => {
      const text = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      const { answers } = await sendRaw(system.gateway, Buffer.from(text, "latin1"));
      const { status, text: body } = answers[0] ?? { status: 0, text: "" };
      expect(REFUSALS.has(status), `GET ${target} of ${host} was answered ${status}`);
      // The gateway's own refusals: a service's have no envelope, and its metrics are no JSON.
      const refusal = body === "" || body.startsWith('{"success":false,');
      expect(refusal, `GET ${target} of ${host} was answered ${body.slice(0, 80)}`);
    };
    for (let at = 0; at < requests.length; at += AT_ONCE) {
      await Promise.all(requests.slice(at, at + AT_ONCE).map(send));
    }
    for (const request of await services.seen()) expect(false, request);
    note(`${requests.length} requests, ${targets.length} targets, none of them seen by a service`);
  },
};
