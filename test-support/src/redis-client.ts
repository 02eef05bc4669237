import { createClient } from "@redis/client";

/** A test's own look into a Redis, beside the service's. It comes back by itself when the server was away. */
export async function connectRedis(url: string) {
  const client = createClient({ url, socket: { reconnectStrategy: () => 50 } });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
