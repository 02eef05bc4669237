import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SignJWT, exportJWK, generateKeyPair, type CryptoKey, type JWTPayload } from "jose";

export const ISSUER = "https://login.example/";
const AUDIENCE = "shop";

export const SECRET = "a-secret-of-more-than-32-characters!";
/** What a gateway with authentication needs, but for the keys. */
export const JWT = {
  AUTH: "jwt",
  INTERNAL_TOKEN: "an-internal-token-of-32-characters-",
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: AUDIENCE,
};

export type Issuer = Awaited<ReturnType<typeof startIssuer>>;

/** An issuer of tokens: answers with the keys that a test gives it, or with an error. */
export async function startIssuer() {
  const state = { keys: [] as unknown[], isAway: false, fetches: 0 };
  const server = createServer((_request, response) => {
    state.fetches += 1;
    response.statusCode = state.isAway ? 500 : 200;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys: state.keys }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/keys`,
    publishes: (...keys: unknown[]): void => {
      state.keys = keys;
    },
    goesAway: (): void => {
      state.isAway = true;
    },
    comesBack: (): void => {
      state.isAway = false;
    },
    get fetches(): number {
      return state.fetches;
    },
    stop: async (): Promise<void> => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** A pair of keys: what the issuer publishes of it, and tokens that it signs. */
export async function makeKey(kid?: string, alg: "ES256" | "RS256" = "ES256") {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const named = kid === undefined ? {} : { kid };
  return {
    jwk: { ...(await exportJWK(publicKey)), ...named, alg },
    /** With another `kid` it says that another key signed it. */
    sign: (sub: string, header: { kid?: string } = named): Promise<string> =>
      signToken({ sub }, privateKey, { alg, ...header }),
  };
}

export interface Claims extends JWTPayload {
  readonly scope?: string;
}

export const signToken = (
  claims: Claims,
  key: CryptoKey | Uint8Array,
  header: { alg: string; kid?: string },
): Promise<string> =>
  new SignJWT({
    sub: "anna",
    iss: ISSUER,
    aud: AUDIENCE,
    exp: Math.floor(Date.now() / 1_000) + 60,
    ...claims,
  })
    .setProtectedHeader(header)
    .sign(key);
