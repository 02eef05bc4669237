import { Agent } from "node:http";
import express from "express";
import { createProxyMiddleware } from "http-proxy-middleware";

// As the README of http-proxy-middleware has it, with an agent that keeps connections.
const [port, upstreamPort, kept] = process.argv.slice(2).map(Number);
const agent = new Agent({
  keepAlive: true,
  maxSockets: kept!,
  maxFreeSockets: kept!,
});
const app = express();
app.use(
  createProxyMiddleware({ target: `http://127.0.0.1:${upstreamPort}`, changeOrigin: true, agent }),
);
app.listen(port!, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
