import { readConfig } from "@shop/service-kit/config/read-config";
import {
  count,
  instances,
  milliseconds,
  port,
  programVariables,
  secret,
  url,
} from "@shop/service-kit/config/variables";
import { z } from "zod";
import { list, origins, trustedProxies } from "./config-variables.ts";
import { SERVICES, type UrlsVariable } from "./services.ts";

/** What proves who signed. `none` is none of them, and a key is never taken for a shared secret. */
const SECRET_ALGORITHMS = ["HS256", "HS384", "HS512"];
const KEY_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].concat([
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
]);

/** server.ts cuts a connection on which nothing moved for 30 s: a longer deadline would end without its 504. */
const MAX_DEADLINE_MS = 25_000;

const urlsOfServices = Object.fromEntries(
  Object.values(SERVICES).map((variable) => [variable, instances]),
) as Record<UrlsVariable, typeof instances>;

export const variables = z.object({
  ...programVariables,
  PORT: port.prefault("4000"),
  ADMIN_PORT: port.prefault("4100"),
  SLOW_REQUEST_MS: milliseconds({ min: 1, max: 60_000 }).prefault("1000"),

  ...urlsOfServices,
  UPSTREAM_DEADLINE_MS: milliseconds({ min: 50, max: MAX_DEADLINE_MS }).prefault("5000"),
  BFF_DEADLINE_MS: milliseconds({ min: 50, max: MAX_DEADLINE_MS }).prefault("2000"),

  MAX_IN_FLIGHT: count({ min: 2, max: 100_000 }).prefault("2000"),
  MAX_CONNECTIONS: count({ min: 1, max: 1_000_000 }).prefault("10000"),
  RATE_LIMIT: count({ min: 1, max: 1_000_000_000 }).optional(),
  RATE_LIMIT_WINDOW_MS: milliseconds({ min: 100, max: 86_400_000 }).prefault("60000"),
  RATE_LIMIT_REDIS_URL: url("redis:", "rediss:").optional(),
  TRUST_PROXY: trustedProxies.prefault("0"),
  CORS_ORIGINS: origins.optional(),

  AUTH: z.enum(["off", "jwt"], "must be off or jwt").optional(),
  JWT_SECRET: secret.optional(),
  JWT_JWKS_URL: url("http:", "https:").optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  JWT_ALGORITHMS: list.optional(),
});

type Variables = z.infer<typeof variables>;

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
    message: "off or jwt: who may call is a decision, so production has no default for it",
    holds: ({ AUTH, NODE_ENV }) => AUTH !== undefined || NODE_ENV !== "production",
  },
  {
    variable: "INTERNAL_TOKEN",
    message: "needed with AUTH=jwt: without it services believe nobody about who is calling",
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

// `when`: a rule is told also where another variable is wrong, so that nothing is found out only at the next start.
const checked = RULES.reduce<z.ZodType<Variables>>(
  (schema, { variable, message, holds }) =>
    schema.refine(holds, { path: [variable], error: message, when: () => true }),
  variables,
);

export type GatewayConfig = Readonly<Omit<Variables, "AUTH"> & { AUTH: "off" | "jwt" }>;

export function readGatewayConfig(environment: NodeJS.ProcessEnv): GatewayConfig {
  const config = readConfig(checked, environment);
  return Object.freeze({ ...config, AUTH: config.AUTH ?? "off" });
}
