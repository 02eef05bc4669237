import { createRequire } from "node:module";

interface Fastify {
  register(plugin: unknown, options: object): unknown;
  listen(options: object): Promise<string>;
}

// The packages are the bench's own, in a folder of theirs: the last argument.
const [port, upstreamPort, kept, packages = ""] = process.argv.slice(2);
const load = createRequire(`${packages}/package.json`);
const fastify = load("fastify") as () => Fastify;
const app = fastify();
app.register(load("@fastify/http-proxy"), {
  upstream: `http://127.0.0.1:${upstreamPort}`,
  undici: { connections: Number(kept), pipelining: 1 },
});
await app.listen({ port: Number(port), host: "127.0.0.1" });
process.on("SIGTERM", () => process.exit(0));
