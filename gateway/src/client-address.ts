import type { Request } from "express";
import type { GatewayConfig } from "./config.ts";

export type AddressOf = (request: Request) => string;

/** Where a request comes from, as far as the proxies in front are trusted to say it. */
export function addressReader({ TRUST_PROXY }: GatewayConfig): AddressOf {
  // Express would look through the client's forwarded headers only to find that none is believed.
  if (TRUST_PROXY === 0) return ({ socket }) => socket.remoteAddress ?? "";
  return ({ ip }) => ip ?? "";
}
