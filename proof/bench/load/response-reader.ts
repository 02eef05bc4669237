export interface Answered {
  readonly status: number;
  /** The server ends the connection after this answer. */
  readonly closes: boolean;
}

type Part = "head" | "body" | "chunk size" | "trailer";

const LINE_END = "\r\n";
const HEAD_END = "\r\n\r\n";
const NOTHING: Buffer = Buffer.alloc(0);
/** Of answers to GET and POST that have no body whatever their headers say. */
const WITHOUT_BODY = new Set([204, 304]);

/**
 * HTTP/1.1 answers, as far as counting them takes: where each begins and ends, and its status. The bytes of a body are
 * stepped over. Hands back what takes the chunks as they come from the socket, cut anywhere.
 */
export function createResponseReader(onAnswer: (answer: Answered) => void) {
  let part: Part = "head";
  let rest = NOTHING;
  let bodyLeft = 0;
  let chunked = false;
  let answer: Answered = { status: 0, closes: false };

  const finish = (): void => {
    part = "head";
    onAnswer(answer);
  };

  const takeHead = (head: string): void => {
    const status = Number(head.slice(9, 12));
    if (!head.startsWith("HTTP/1.") || !(status >= 100)) throw new Error("not an HTTP answer");
    if (status < 200) return;
    answer = { status, closes: /\r\nconnection: *close/i.test(head) };
    bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    chunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    if (WITHOUT_BODY.has(status) || (!chunked && bodyLeft === 0)) finish();
    else part = chunked ? "chunk size" : "body";
  };

  const takeChunkSize = (line: string): void => {
    const size = Number.parseInt(line, 16);
    if (!(size >= 0)) throw new Error("not a chunk");
    part = size === 0 ? "trailer" : "body";
    bodyLeft = size + LINE_END.length;
  };

  const takeLine = (line: string): void => {
    if (part === "head") takeHead(line);
    else if (part === "chunk size") takeChunkSize(line);
    else if (line === "") finish();
  };

  return (chunk: Buffer): void => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    rest = NOTHING;
    let at = 0;
    while (at < bytes.length) {
      if (part === "body") {
        const step = Math.min(bodyLeft, bytes.length - at);
        at += step;
        bodyLeft -= step;
        if (bodyLeft > 0) return;
        if (chunked) part = "chunk size";
        else finish();
        continue;
      }
      const separator = part === "head" ? HEAD_END : LINE_END;
      const end = bytes.indexOf(separator, at, "latin1");
      if (end < 0) {
        rest = bytes.subarray(at);
        return;
      }
      const line = bytes.toString("latin1", at, end);
      at = end + separator.length;
      takeLine(line);
    }
  };
}
