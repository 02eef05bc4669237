import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findOnPath } from "local-stack/servers/find-server";
import { runCommand } from "local-stack/processes/run-command";
import { versionOf } from "../figures/machine.ts";
import { KEPT_CONNECTIONS } from "./kept-connections.ts";
import type { Peer, Place } from "./peer.ts";
import { PRODUCT_ID } from "./stub-answers.ts";

const SOURCE = join(import.meta.dirname, "..", "..", "krakend");
const BUILD_LIMIT_MS = 300_000;

const installed = findOnPath(process.env["KRAKEND"] || "krakend");
const go = findOnPath("go");

export const krakendPeer: Peer = {
  name:
    installed === null
      ? `KrakenD's engine (Lura ${luraVersion()})`
      : `KrakenD ${versionOf(installed, "version")}`,
  // Its paths take no text behind a parameter, so this one has another name than ours.
  aggregatePath: `/products-with-orders/${PRODUCT_ID}`,
  prepare: async (place, signal) => {
    const file = join(place.folder, "krakend.json");
    writeFileSync(file, JSON.stringify(configuration(place)));
    if (installed !== null) return { command: installed, args: ["run", "-c", file] };
    if (go === null)
      return "neither krakend on the PATH (or in KRAKEND) nor go to build its engine";
    const command = join(place.folder, "krakend");
    try {
      await runCommand({
        command: go,
        args: ["build", "-C", SOURCE, "-buildvcs=false", "-o", command, "."],
        timeoutMs: BUILD_LIMIT_MS,
        signal,
      });
    } catch (error) {
      return `go could not build its engine: ${(error as Error).message}`;
    }
    return { command, args: [file] };
  },
};

function luraVersion(): string {
  const module = readFileSync(join(SOURCE, "go.mod"), "utf8");
  return /lura\/v2 v(\S+)/.exec(module)?.[1] ?? "of unknown version";
}

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
