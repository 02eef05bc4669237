import { z } from "zod";

const text = z.string().optional();
const variable = (meaning: string, fallback = "") => text.describe(meaning).meta({ fallback });

/** What docker-compose.yml takes from `.env`, but for the passwords, which deploy/compose/passwords.sh writes. A test compares it with that file. */
export const composeVariables = z.object({
  GATEWAY_ADDRESS: variable(
    "Where the gateway is published. 0.0.0.0 opens it to the network: with AUTH=jwt only.",
    "127.0.0.1",
  ),
  GATEWAY_PORT: variable("The port of the one URL for clients.", "4000"),
  RABBITMQ_MANAGEMENT_PORT: variable(
    "RabbitMQ's management page, on 127.0.0.1 always. (npm start has none unless this is set.)",
    "15672",
  ),
  AUTH: variable(
    "Who may call: off (everybody), or jwt with an issuer, an audience, INTERNAL_TOKEN, and either a secret or the address of the keys.",
    "off",
  ),
  JWT_ISSUER: variable("As for the gateway."),
  JWT_AUDIENCE: variable("As for the gateway."),
  JWT_SECRET: variable("As for the gateway."),
  JWT_JWKS_URL: variable("As for the gateway."),
  JWT_ALGORITHMS: variable("As for the gateway."),
  INTERNAL_TOKEN: variable("The services answer only callers that show it: 32 characters or more."),
  RATE_LIMIT: variable("As for the gateway."),
  RATE_LIMIT_WINDOW_MS: variable("As for the gateway."),
  TRUST_PROXY: variable("As for the gateway."),
  CORS_ORIGINS: variable("As for the gateway."),
  LOG_LEVEL: variable("What the programs log: trace, debug, info, warn, error, fatal or silent."),
  LOG_EVENTS: variable(
    "true: one line for each request, and for each event that is published or consumed.",
  ),
});
