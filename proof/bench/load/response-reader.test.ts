import { expect, test } from "vitest";
import { createResponseReader, type Answered } from "./response-reader.ts";

function readAll(chunks: readonly Buffer[]): Answered[] {
  const answers: Answered[] = [];
  const read = createResponseReader((answer) => answers.push(answer));
  for (const chunk of chunks) read(chunk);
  return answers;
}

const LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX: y\r\n\r\nhello\r\n\r\nyo";
const CHUNKED =
  "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5;note=x\r\nab\r\nc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
const EMPTY = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nConnection: close\r\n\r\n";
const NO_BODY = "HTTP/1.1 304 Not Modified\r\ncontent-length: 40\r\n\r\n";
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

const STREAM = Buffer.from(LENGTH + CHUNKED + NO_BODY + CONTINUE + EMPTY + LENGTH);
const ANSWERS = [
  { status: 200, closes: false },
  { status: 201, closes: false },
  { status: 304, closes: false },
  { status: 503, closes: true },
  { status: 200, closes: false },
];

test("answers with a length, in chunks, and without a body follow each other", () => {
  expect(readAll([STREAM])).toEqual(ANSWERS);
});

test("packets may be cut anywhere", () => {
  for (let at = 1; at < STREAM.length; at += 1) {
    expect(readAll([STREAM.subarray(0, at), STREAM.subarray(at)])).toEqual(ANSWERS);
  }
  for (const size of [1, 2, 3, 7]) {
    const pieces = Array.from({ length: Math.ceil(STREAM.length / size) }, (_, index) =>
      STREAM.subarray(index * size, (index + 1) * size),
    );
    expect(readAll(pieces)).toEqual(ANSWERS);
  }
});

test("an answer is not over before its last byte", () => {
  for (const text of [LENGTH, CHUNKED, EMPTY]) {
    expect(readAll([Buffer.from(text).subarray(0, -1)])).toEqual([]);
  }
});

test("what is not HTTP is an error, not an endless answer", () => {
  expect(() => readAll([Buffer.from("SSH-2.0-x\r\n\r\n\r\n")])).toThrow("not an HTTP answer");
  const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  expect(() => readAll([Buffer.from(`${head}zz\r\n`)])).toThrow("not a chunk");
});
