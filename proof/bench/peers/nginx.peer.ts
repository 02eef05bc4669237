import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findOnPath } from "local-stack/servers/find-server";
import { versionOf } from "../figures/machine.ts";
import { KEPT_CONNECTIONS } from "./kept-connections.ts";
import type { Peer, Place } from "./peer.ts";

// Where Debian keeps it, which is not on everybody's PATH.
const PLACES = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"];
const nginx = ["nginx", ...PLACES].map((each) => findOnPath(each)).find((each) => each !== null);

export const nginxPeer: Peer = {
  name: nginx === undefined ? "nginx" : `nginx ${versionOf(nginx, "-v")}`,
  prepare: async (place) => {
    if (nginx === undefined) return "no nginx on this machine";
    const file = join(place.folder, "nginx.conf");
    mkdirSync(join(place.folder, "nginx"), { recursive: true });
    writeFileSync(file, configuration(place));
    return { command: nginx, args: ["-p", place.folder, "-c", file, "-e", "stderr"] };
  },
};

/** As a user of its own only where it runs as root; whoever that is must be able to write to the temporary folder. */
function configuration({ port, upstreamPort, folder }: Place): string {
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
