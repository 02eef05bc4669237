import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findOnPath } from "local-stack/find-server";
import { versionOf } from "../figures/machine.ts";
import { KEPT_CONNECTIONS } from "./kept-connections.ts";
import type { Peer, Place } from "./peer.ts";
import { PRODUCT_ID } from "./stub-answers.ts";

const krakend = findOnPath(process.env["KRAKEND"] || "krakend");

export const krakendPeer: Peer = {
  name: krakend === null ? "KrakenD" : `KrakenD ${versionOf(krakend, "version")}`,
  // Its paths take no text behind a parameter, so this one has another name than ours.
  aggregatePath: `/products-with-orders/${PRODUCT_ID}`,
  prepare: async (place) => {
    if (krakend === null) return "no krakend on the PATH (or in KRAKEND)";
    const file = join(place.folder, "krakend.json");
    writeFileSync(file, JSON.stringify(configuration(place)));
    return { command: krakend, args: ["run", "-c", file] };
  },
};

function configuration({ port, upstreamPort }: Place): object {
  const host = [`http://127.0.0.1:${upstreamPort}`];
  const backend = (path: string, more: object) => ({ host, url_pattern: path, ...more });
  return {
    version: 3,
    name: "bench",
    listen_ip: "127.0.0.1",
    port,
    timeout: "5s",
    max_idle_connections: KEPT_CONNECTIONS,
    max_idle_connections_per_host: KEPT_CONNECTIONS,
    extra_config: {
      router: { disable_access_log: true },
      "telemetry/logging": { level: "ERROR", prefix: "", stdout: true },
    },
    endpoints: [
      {
        endpoint: "/products/{id}",
        output_encoding: "no-op",
        backend: [backend("/products/{id}", { encoding: "no-op" })],
      },
      {
        endpoint: "/products-with-orders/{id}",
        output_encoding: "json",
        backend: [
          backend("/products/{id}", { group: "product" }),
          backend("/orders/product/{id}?limit=20", { group: "orders" }),
        ],
      },
    ],
  };
}
