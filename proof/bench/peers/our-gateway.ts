import { createHmac } from "node:crypto";
import { join } from "node:path";
import { CHECKOUT } from "local-stack/terminal/checkout";
import { lastingPorts } from "local-stack/processes/ports";
import { MEMORY_SETTINGS, nodeArguments } from "local-stack/programs/programs";
import type { Peer } from "./peer.ts";
import { PRODUCT_ID } from "./stub-answers.ts";

const SECRET = "only-for-the-bench-and-only-on-this-machine";
const ISSUER = "bench";
const AUDIENCE = "shop";
const ORIGIN = "https://shop.example";
const TOKEN_LASTS_S = 86_400;

const EVERYTHING_ON = {
  AUTH: "jwt",
  JWT_SECRET: SECRET,
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: AUDIENCE,
  INTERNAL_TOKEN: SECRET,
  // Never reached, but counted.
  RATE_LIMIT: "1000000000",
  CORS_ORIGINS: ORIGIN,
};

export const OUR_GATEWAY_ON = "our gateway, everything on";

/** Run as the launcher runs it. */
const gatewayPeer = (name: string, settings: Record<string, string>): Peer => ({
  name,
  aggregatePath: `/products/${PRODUCT_ID}-with-orders?limit=20`,
  prepare: async ({ port, upstreamPort }) => {
    const [adminPort] = await lastingPorts(1);
    const upstream = `http://127.0.0.1:${upstreamPort}`;
    return {
      command: process.execPath,
      args: nodeArguments(),
      cwd: join(CHECKOUT, "gateway"),
      env: {
        NODE_ENV: "production",
        ...MEMORY_SETTINGS,
        HOST: "127.0.0.1",
        PORT: `${port}`,
        ADMIN_PORT: `${adminPort}`,
        PRODUCT_SERVICE_URLS: upstream,
        ORDER_SERVICE_URLS: upstream,
        ...settings,
      },
    };
  },
});

export const gatewayPeers: readonly Peer[] = [
  gatewayPeer("our gateway", { AUTH: "off" }),
  gatewayPeer(OUR_GATEWAY_ON, EVERYTHING_ON),
];

/** Sent to every peer: a browser's request with a token. */
export const clientHeaders = (): Record<string, string> => ({
  Authorization: `Bearer ${token()}`,
  Origin: ORIGIN,
});

function token(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const expires = Math.floor(Date.now() / 1_000) + TOKEN_LASTS_S;
  const claims = { sub: "bench", scope: "orders:read", iss: ISSUER, aud: AUDIENCE, exp: expires };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
