import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface RawExchange {
  readonly answers: readonly RawAnswer[];
  /** What is left behind the last whole answer. */
  readonly rest: string;
}

const LIMIT_MS = 15_000;

/** Bytes as they stand, on a connection of their own, and all that comes back until it is closed. */
export async function sendRaw(
  url: string,
  ...pieces: readonly (string | Buffer)[]
): Promise<RawExchange> {
  const socket = await openRaw(url);
  for (const piece of pieces) if (!socket.destroyed) socket.write(piece);
  return readToEnd(socket);
}

export async function openRaw(url: string, localAddress?: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, localAddress });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Fails when the connection is not closed in time. */
export async function readToEnd(socket: Socket): Promise<RawExchange> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve, reject) => {
    socket.once("close", () => resolve());
    socket.setTimeout(LIMIT_MS, () => {
      const heard = Buffer.concat(chunks).toString("latin1").slice(0, 200);
      reject(new Error(`the connection was not closed in time, after: ${heard}`));
      socket.destroy();
    });
  });
  return parseAnswers(Buffer.concat(chunks).toString("latin1"));
}

function parseAnswers(bytes: string): RawExchange {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(rest) ?? [];
    if (end === -1 || status === undefined) return { answers, rest };
    const headers = parseHeaders(rest.slice(0, end));
    const body = takeBody(rest.slice(end + 4), headers, Number(status));
    if (body === undefined) return { answers, rest };
    answers.push({ status: Number(status), headers, text: utf8(body.text) });
    rest = body.rest;
  }
}

const utf8 = (text: string): string => Buffer.from(text, "latin1").toString();

function parseHeaders(head: string): Record<string, string> {
  const lines = head.split("\r\n").slice(1);
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(":")).toLowerCase(),
      line.slice(line.indexOf(":") + 1).trim(),
    ]),
  );
}

function takeBody(
  after: string,
  headers: Record<string, string>,
  status: number,
): { text: string; rest: string } | undefined {
  if (status === 100 || status === 204 || status === 304) return { text: "", rest: after };
  if (headers["transfer-encoding"] === "chunked") return takeChunks(after);
  const length = Number(headers["content-length"] ?? 0);
  if (after.length < length) return undefined;
  return { text: after.slice(0, length), rest: after.slice(length) };
}

function takeChunks(after: string): { text: string; rest: string } | undefined {
  let text = "";
  let rest = after;
  for (;;) {
    const end = rest.indexOf("\r\n");
    if (end === -1) return undefined;
    const size = Number.parseInt(rest.slice(0, end), 16);
    if (rest.length < end + 2 + size + 2) return undefined;
    text += rest.slice(end + 2, end + 2 + size);
    rest = rest.slice(end + 2 + size + 2);
    if (size === 0) return { text, rest };
  }
}
