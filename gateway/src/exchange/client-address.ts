import { BlockList, isIP } from "node:net";
import type { Request } from "express";
import type { GatewayConfig } from "../config.ts";

export type AddressOf = (request: Request) => string;

/** The address of a request's client, from forwarded headers where the proxies in front are trusted. */
export function addressReader({ TRUST_PROXY }: GatewayConfig): AddressOf {
  // Express would read the client's forwarded headers only to believe none of them.
  if (TRUST_PROXY === 0) return ({ socket }) => socket.remoteAddress ?? "";
  return ({ ip = "", socket }) => addressIn(ip) ?? socket.remoteAddress ?? "";
}

/** For Express' `trust proxy`: on its own it does not recognise a trusted proxy whose address comes with a port. */
export function trustSetting(
  proxies: number | readonly string[],
): number | ((forwarded: string) => boolean) {
  if (typeof proxies === "number") return proxies;
  const trusted = new BlockList();
  for (const range of proxies) {
    const [address = "", bits] = range.split("/");
    if (bits === undefined) trusted.addAddress(address, familyOf(address));
    else trusted.addSubnet(address, Number(bits), familyOf(address));
  }
  return (forwarded) => {
    const address = addressIn(forwarded);
    return address !== undefined && trusted.check(address, familyOf(address));
  };
}

const familyOf = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");

const WITH_PORT = /^(?:(?<v4>[\d.]+)|\[(?<v6>[^\]]+)\])(?::\d+)?$/;

/** Some proxies forward a port as well, which differs from request to request. */
function addressIn(forwarded: string): string | undefined {
  if (isIP(forwarded) !== 0) return forwarded;
  const { v4, v6 } = WITH_PORT.exec(forwarded)?.groups ?? {};
  const address = v4 ?? v6 ?? "";
  return isIP(address) === 0 ? undefined : address;
}
