import { openRaw, readToEnd, type RawExchange } from "./raw-client.ts";

const MEGABYTES = 1_024;
const MEGABYTE = Buffer.alloc(1_048_576, "a");

/** How a body of a gigabyte is announced, and the megabyte that is sent again and again. */
export const GIGABYTES: readonly [name: string, framing: string, piece: Buffer][] = [
  ["declared", "Content-Length: 1073741824\r\n\r\n", MEGABYTE],
  [
    "in chunks",
    "Transfer-Encoding: chunked\r\n\r\n",
    Buffer.concat([Buffer.from("100000\r\n"), MEGABYTE, Buffer.from("\r\n")]),
  ],
];

/** G5: sends all of it, or as much as is taken. */
export async function pourGigabyte(
  url: string,
  framing: string,
  piece: Buffer,
): Promise<RawExchange & { sentMegabytes: number }> {
  const socket = await openRaw(url);
  const ended = readToEnd(socket);
  socket.write("POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n");
  socket.write(framing);
  let sentMegabytes = 0;
  const send = (): void => {
    while (!socket.destroyed && sentMegabytes < MEGABYTES) {
      sentMegabytes += 1;
      if (!socket.write(piece)) return void socket.once("drain", send);
    }
    // All of it was taken: whatever the answer is, the connection ends with it.
    socket.end();
  };
  send();
  return { ...(await ended), sentMegabytes };
}
