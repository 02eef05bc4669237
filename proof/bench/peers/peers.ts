import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "local-stack/processes/run-command";
import { findOnPath } from "local-stack/servers/find-server";
import { CHECKOUT, stateFolder } from "local-stack/terminal/checkout";
import { say } from "local-stack/terminal/say";
import { versionOf } from "../machine.ts";
import { KEPT_CONNECTIONS, nodeCommand, type Peer, type Place } from "./peer.ts";
import { PRODUCT_ID } from "./stub-answers.ts";

export const BARE_EXPRESS = "Express 5 + http-proxy-middleware 4";

export const barePeer: Peer = {
  name: BARE_EXPRESS,
  prepare: async (place) => nodeCommand("bare-express.ts", place),
};

const VERSIONS = { fastify: "5.12.8", "@fastify/http-proxy": "11.6.3" };
const INSTALL_TIMEOUT_MS = 120_000;
/** Not a part of the project: only the bench needs it. */
const FOLDER = join(
  stateFolder(CHECKOUT),
  "bench",
  `fastify-http-proxy-${VERSIONS["@fastify/http-proxy"]}`,
);
const INSTALLED = join(FOLDER, "node_modules", ".package-lock.json");

export const fastifyPeer: Peer = {
  name: `@fastify/http-proxy ${VERSIONS["@fastify/http-proxy"]}`,
  prepare: async (place, signal) => {
    try {
      await install(signal);
    } catch (error) {
      signal.throwIfAborted();
      const [reason] = (error as Error).message.split("\n");
      return `npm could not install it (${reason})`;
    }
    const { args, ...command } = nodeCommand("fastify-proxy.ts", place);
    return { ...command, args: [...args, FOLDER] };
  },
};

async function install(signal: AbortSignal): Promise<void> {
  // npm writes it as the last thing that it does.
  if (existsSync(INSTALLED)) return;
  const npm = findOnPath("npm");
  if (npm === null) throw new Error("no npm on the PATH");
  say("Installing @fastify/http-proxy for the bench.");
  mkdirSync(FOLDER, { recursive: true });
  const description = { private: true, dependencies: VERSIONS };
  writeFileSync(join(FOLDER, "package.json"), JSON.stringify(description));
  await runCommand({
    command: npm,
    args: ["install", "--no-audit", "--no-fund", "--ignore-scripts"],
    cwd: FOLDER,
    label: "npm install",
    timeoutMs: INSTALL_TIMEOUT_MS,
    signal,
  });
}

// Where Debian keeps it, which is not on everybody's PATH.
const PLACES = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"];
const nginx = ["nginx", ...PLACES].map((each) => findOnPath(each)).find((each) => each !== null);

export const nginxPeer: Peer = {
  name: nginx === undefined ? "nginx" : `nginx ${versionOf(nginx, "-v")}`,
  prepare: async (place) => {
    if (nginx === undefined) return "no nginx on this machine";
    const file = join(place.folder, "nginx.conf");
    mkdirSync(join(place.folder, "nginx"), { recursive: true });
    writeFileSync(file, nginxConfiguration(place));
    return { command: nginx, args: ["-p", place.folder, "-c", file, "-e", "stderr"] };
  },
};

/** As a user of its own only where it runs as root; whoever that is must be able to write to the temporary folder. */
function nginxConfiguration({ port, upstreamPort, folder }: Place): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `  ${kind}_temp_path ${join(folder, "nginx", kind)};`,
  );
  return `${process.getuid?.() === 0 ? "user root;\n" : ""}daemon off;
worker_processes 1;
pid ${join(folder, "nginx.pid")};
events { worker_connections 4096; }
http {
${temporary.join("\n")}
  access_log off;
  keepalive_requests 1000000;
  upstream services {
    server 127.0.0.1:${upstreamPort};
    keepalive ${KEPT_CONNECTIONS};
    keepalive_requests 1000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://services;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

const SOURCE = join(import.meta.dirname, "..", "krakend");
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
    writeFileSync(file, JSON.stringify(krakendConfiguration(place)));
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

function krakendConfiguration({ port, upstreamPort }: Place): object {
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
