import { isIP } from "node:net";
import { z } from "zod";

/** Kinds of variables that only a gateway has, each with the message that its wrong value gets. */

const entries = (text: string): string[] => text.split(",").map((entry) => entry.trim());

export const list = z.string("names with commas").transform(entries);

const PROXIES =
  "a number of proxies (0 to 10), or their addresses or CIDR ranges with commas, and not all addresses (/0)";

/** Never `true`: anybody could then choose the address that is counted and logged. */
export const trustedProxies = z
  .string(PROXIES)
  .transform((text) => (/^\d{1,2}$/.test(text) ? Number(text) : entries(text)))
  .refine(
    (value) => (typeof value === "number" ? value <= 10 : value.every(isAddressRange)),
    `must be ${PROXIES}`,
  );

/** A range of all addresses would let anybody choose the address that is counted and logged. A zone (fe80::1%eth0) is of one machine alone. */
function isAddressRange(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || address.includes("%") || more.length > 0) return false;
  const mostBits = version === 4 ? 32 : 128;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= mostBits;
}

const ORIGINS =
  "origins as browsers send them (https://shop.example) with commas, none with a wildcard, or * alone";

export const origins = z
  .string(ORIGINS)
  .transform(entries)
  .refine((all) => all.join() === "*" || all.every(isBrowserOrigin), `must be ${ORIGINS}`);

/** For a URL `https://*.example` is a host like any other, and no page has it. */
const isBrowserOrigin = (text: string): boolean =>
  /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
