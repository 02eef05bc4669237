import { ContractError } from "@shop/contracts/errors";
import type { Logger } from "@shop/service-kit/log/logger";
import type { RequestHandler, Response } from "express";
import { envelopeEnd, sendWrapped } from "../exchange/answers.ts";
import { exchangeOf } from "../exchange/exchange.ts";
import { brokenAnswer, checkJson, parseServiceError } from "../upstream/answer.ts";
import type { ServiceRequest } from "../upstream/call.ts";
import { deadlineFor, type Deadline } from "../upstream/deadline.ts";
import { BrokenAnswer, CallEnded, callEnded, isBug, toClientError } from "../upstream/failures.ts";
import type { Instance, Upstreams } from "../upstream/instances.ts";
import type { HeadersForServices } from "../upstream/service-headers.ts";
import type { AnswerOf, Combination, Part } from "./combination.ts";

export interface CombineOptions {
  readonly upstreams: Upstreams;
  readonly deadlineMs: number;
  readonly headersFor: HeadersForServices;
  /** For each part that an answer lacks. */
  readonly onMissing: (part: string) => void;
  readonly log: Logger;
}

interface NamedBytes {
  readonly name: string;
  /** `undefined`: it could not be asked, which is not the same as empty, nor as none. */
  readonly bytes: Buffer | undefined;
  /** Why not. */
  readonly reason?: unknown;
}

/** Puts the answers of several services into one envelope. */
export function combine(combination: Combination, options: CombineOptions): RequestHandler {
  const { upstreams, deadlineMs, headersFor, onMissing, log } = options;
  const parts = Object.entries(combination);

  return async (request, response) => {
    const { params, query, requestId } = exchangeOf(request);
    const headers = headersFor(request);
    const deadline = deadlineFor(response, deadlineMs);

    const asked = new Map<string, Promise<Buffer>>();
    const answerOf: AnswerOf = async (name) => parsed(await asked.get(name));
    const bytesOf = async (part: Part): Promise<Buffer> => {
      const path = await part.path(params, query, answerOf);
      const question = { method: "GET", path, headers } as const;
      const answer = await upstreams[part.service].ask({
        mayRepeat: () => true,
        send: (instance, isRetry) => askForPart(question, deadline, { instance, isRetry }),
      });
      if (Buffer.isBuffer(answer)) return answer;
      throw answer;
    };
    const ask = async ([name, part]: [string, Part]): Promise<NamedBytes> => {
      const bytes = bytesOf(part);
      asked.set(name, bytes);
      if (part.required) return { name, bytes: await bytes };
      return bytes.then(
        (whole) => ({ name, bytes: whole }),
        (reason: unknown) => ({ name, bytes: isNone(part, reason) ? NULL : undefined, reason }),
      );
    };
    try {
      const answered = await Promise.all(parts.map(ask));
      if (response.destroyed) return;
      for (const { name, reason } of answered.filter(isMissing)) {
        onMissing(name);
        if (isBug(reason)) log.error({ err: reason, part: name }, "a part failed");
      }
      sendCombined(response, answered, requestId);
    } catch (error) {
      // The other parts are not needed any more.
      deadline.end(callEnded("the answer failed without this part"));
      if (!(error instanceof CallEnded)) throw toClientError(error);
    }
  };
}

/** A service's error is an answer as well: it does not blame the instance. */
async function askForPart(
  question: ServiceRequest,
  deadline: Deadline,
  { instance, isRetry }: { instance: Instance; isRetry: boolean },
): Promise<Buffer | ContractError> {
  const answer = await instance.connections(isRetry).request(question, deadline);
  instance.noteHeaders(answer.headers, isRetry);
  if (answer.status >= 400) return parseServiceError(answer);
  if (answer.status !== 200) throw brokenAnswer(answer);
  checkJson(answer);
  return answer.bytes;
}

function parsed(bytes: Buffer | undefined): unknown {
  try {
    return JSON.parse(String(bytes));
  } catch {
    throw new BrokenAnswer("the answer was not JSON");
  }
}

const isNone = ({ noneWhen }: Part, reason: unknown): boolean =>
  reason instanceof ContractError && reason.code === noneWhen;

const isMissing = ({ bytes }: NamedBytes): boolean => bytes === undefined;

function sendCombined(response: Response, parts: readonly NamedBytes[], requestId: string): void {
  sendWrapped(response, sideBySide(parts), envelopeEnd(requestId, partialMeta(parts)));
}

const NULL = Buffer.from("null");
const CLOSE = Buffer.from("}");

/** The services' bytes side by side, as they are. */
function sideBySide(parts: readonly NamedBytes[]): Buffer[] {
  const pieces = parts.flatMap(({ name, bytes }, index) => [
    Buffer.from(`${index === 0 ? "{" : ","}"${name}":`),
    bytes ?? NULL,
  ]);
  return [...pieces, CLOSE];
}

function partialMeta(parts: readonly NamedBytes[]): string {
  const missing = parts.filter(isMissing).map(({ name }) => name);
  if (missing.length === 0) return ',"partial":false';
  return `,"partial":true,"unavailable":${JSON.stringify(missing)}`;
}
