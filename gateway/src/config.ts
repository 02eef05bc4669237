import { isIP } from "node:net";
import { readConfig } from "@shop/service-kit/config/read-config";
import {
  count,
  instances,
  milliseconds,
  oneOf,
  port,
  programVariables,
  secret,
  url,
} from "@shop/service-kit/config/variables";
import { z } from "zod";
import { SERVICES, type UrlsVariable } from "./services.ts";

/** What proves who signed. `none` is none of them, and a key is never taken for a shared secret. */
const SECRET_ALGORITHMS = ["HS256", "HS384", "HS512"];
const KEY_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].concat([
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
]);

const entries = (text: string): string[] => text.split(",").map((entry) => entry.trim());

const list = z.string("names with commas").transform(entries);

const PROXIES =
  "a number of proxies (0 to 10), or their addresses or CIDR ranges with commas, and not all addresses (/0)";

/** Never `true`: anybody could then choose the address that is counted and logged. */
const trustedProxies = z
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

const origins = z
  .string(ORIGINS)
  .transform(entries)
  .refine((all) => all.join() === "*" || all.every(isBrowserOrigin), `must be ${ORIGINS}`);

/** For a URL `https://*.example` is a host like any other, and no page has it. */
const isBrowserOrigin = (text: string): boolean =>
  /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;

/** server.ts cuts a connection on which nothing moved for 30 s: a longer deadline would end without its 504. */
const MAX_DEADLINE_MS = 25_000;

const urlsOfServices = Object.fromEntries(
  Object.entries(SERVICES).map(([service, variable]) => [
    variable,
    instances
      .describe(`One URL for each instance of ${service}, with commas.`)
      .meta({ example: "http://127.0.0.1:3001" }),
  ]),
) as Record<UrlsVariable, typeof instances>;

const fields = z.object({
  ...urlsOfServices,
  AUTH: oneOf("off", "jwt")
    .optional()
    .describe(
      "Who may call: off (everybody may do everything) or jwt. In production it must be set.",
    )
    .meta({ fallback: "off" }),
  JWT_ISSUER: z
    .string()
    .optional()
    .describe("With AUTH=jwt, needed: who signs tokens, e.g. https://login.example/"),
  JWT_AUDIENCE: z
    .string()
    .optional()
    .describe("With AUTH=jwt, needed: for whom tokens are, e.g. shop"),
  JWT_SECRET: secret
    .optional()
    .describe("With AUTH=jwt, this or JWT_JWKS_URL: the shared secret, 32 characters or more."),
  JWT_JWKS_URL: url("http:", "https:")
    .optional()
    .describe(
      "With AUTH=jwt, this or JWT_SECRET: where the signer's keys are, e.g. https://login.example/.well-known/jwks.json; by http:// from a loopback address only.",
    ),
  JWT_ALGORITHMS: list
    .optional()
    .describe(
      "Algorithms that are taken, with commas; without it HS256 with a secret, RS256 and ES256 with keys.",
    ),

  ...programVariables,
  PORT: port.prefault("4000").describe("The port of the one URL that clients know."),
  ADMIN_PORT: port.prefault("4100").describe("Metrics and health; not to be published."),
  SLOW_REQUEST_MS: milliseconds({ min: 1, max: 60_000 })
    .prefault("1000")
    .describe("A request that takes longer is logged as slow, in milliseconds."),

  UPSTREAM_DEADLINE_MS: milliseconds({ min: 50, max: MAX_DEADLINE_MS })
    .prefault("5000")
    .describe(
      "From the request's arrival at the proxy to the last byte of the service's answer, in milliseconds; 25000 at most.",
    ),
  BFF_DEADLINE_MS: milliseconds({ min: 50, max: MAX_DEADLINE_MS })
    .prefault("2000")
    .describe("For all parts of an answer of several services, in milliseconds; 25000 at most."),

  MAX_IN_FLIGHT: count({ min: 2, max: 100_000 })
    .prefault("2000")
    .describe(
      "More requests in flight are refused at once with 503; as many again may be sending their bodies.",
    ),
  MAX_CONNECTIONS: count({ min: 1, max: 1_000_000 })
    .prefault("10000")
    .describe("Connections of clients."),
  RATE_LIMIT: count({ min: 1, max: 1_000_000_000 })
    .optional()
    .describe(
      "Requests of one caller in a window, e.g. 600: of a token's subject, else of an address; off unless it is set.",
    ),
  RATE_LIMIT_WINDOW_MS: milliseconds({ min: 100, max: 86_400_000 })
    .prefault("60000")
    .describe("The window, in milliseconds."),
  RATE_LIMIT_REDIS_URL: url("redis:", "rediss:")
    .optional()
    .describe(
      "A Redis of its own, where several gateways count together, e.g. redis://127.0.0.1:6379; its keys expire with their window.",
    ),
  TRUST_PROXY: trustedProxies
    .prefault("0")
    .describe(
      "Proxies in front of the gateway whose X-Forwarded-For is believed: how many, or their addresses or CIDR ranges.",
    ),
  CORS_ORIGINS: origins
    .optional()
    .describe(
      "Pages that may read the answers, with commas, e.g. https://shop.example; off unless it is set.",
    ),
});

type Variables = z.infer<typeof fields>;

interface Rule {
  readonly variable: keyof Variables;
  readonly message: string;
  readonly holds: (given: Variables) => boolean;
}

const withJwt =
  (holds: Rule["holds"]): Rule["holds"] =>
  (given) =>
    given.AUTH !== "jwt" || holds(given);

/** Hosts are as `URL` has normalised them: `127.1` is `127.0.0.1` by then. */
const isPlainHttpElsewhere = (text: string): boolean => {
  const place = URL.parse(text);
  return (
    place?.protocol === "http:" && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(place.hostname)
  );
};

/** What holds between variables. */
const RULES: readonly Rule[] = [
  {
    variable: "AUTH",
    message: "off or jwt: production has no default, since this is a decision",
    holds: ({ AUTH, NODE_ENV }) => AUTH !== undefined || NODE_ENV !== "production",
  },
  {
    variable: "INTERNAL_TOKEN",
    message: "needed with AUTH=jwt: without it services refuse calls on behalf of a subject",
    holds: withJwt(({ INTERNAL_TOKEN }) => INTERNAL_TOKEN !== undefined),
  },
  {
    variable: "JWT_ISSUER",
    message: "needed with AUTH=jwt",
    holds: withJwt(({ JWT_ISSUER }) => JWT_ISSUER !== undefined),
  },
  {
    variable: "JWT_AUDIENCE",
    message: "needed with AUTH=jwt",
    holds: withJwt(({ JWT_AUDIENCE }) => JWT_AUDIENCE !== undefined),
  },
  {
    variable: "JWT_SECRET",
    message: "with AUTH=jwt either this or JWT_JWKS_URL is needed, and not both",
    holds: withJwt(
      (given) => (given.JWT_SECRET === undefined) !== (given.JWT_JWKS_URL === undefined),
    ),
  },
  {
    variable: "JWT_JWKS_URL",
    message:
      "must be an https:// URL, http:// to a loopback address only: its answer decides who can sign",
    holds: withJwt(({ JWT_JWKS_URL = "" }) => !isPlainHttpElsewhere(JWT_JWKS_URL)),
  },
  {
    variable: "JWT_ALGORITHMS",
    message: `must be some of ${SECRET_ALGORITHMS.join(", ")} with a secret, of ${KEY_ALGORITHMS.join(", ")} with keys`,
    holds: withJwt(({ JWT_SECRET, JWT_ALGORITHMS = [] }) => {
      const allowed = JWT_SECRET === undefined ? KEY_ALGORITHMS : SECRET_ALGORITHMS;
      return JWT_ALGORITHMS.every((name) => allowed.includes(name));
    }),
  },
];

// `when`: a rule is checked also where another variable is wrong, so that one start shows everything.
export const variables = RULES.reduce(
  (schema, { variable, message, holds }) =>
    schema.refine(holds, { path: [variable], error: message, when: () => true }),
  fields,
);

export type GatewayConfig = Readonly<Omit<Variables, "AUTH"> & { AUTH: "off" | "jwt" }>;

export function readGatewayConfig(environment: NodeJS.ProcessEnv): GatewayConfig {
  const config = readConfig(variables, environment);
  return Object.freeze({ ...config, AUTH: config.AUTH ?? "off" });
}
