import type { ContractError } from "@shop/contracts/errors";
import { askInstances } from "../upstream/ask-instances.ts";
import { BrokenAnswer } from "../upstream/failures.ts";
import type { Instance } from "../upstream/instance.ts";
import { parseServiceError } from "../upstream/service-error.ts";
import type { Upstream } from "../upstream/upstream.ts";

const MOST_BYTES = 1_048_576;

export interface PartRequest {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
}

/** The bytes of a service's answer; throws what its client is to be told. */
export async function fetchPart(upstream: Upstream, request: PartRequest): Promise<Buffer> {
  const answer = await askInstances(upstream, {
    repeatable: () => true,
    send: (instance) => get(instance, request),
  });
  if (Buffer.isBuffer(answer)) return answer;
  throw answer;
}

/** A service's error is an answer as well: the instance is fine. */
async function get(
  instance: Instance,
  { path, headers, signal }: PartRequest,
): Promise<Buffer | ContractError> {
  signal.throwIfAborted();
  const {
    statusCode,
    headers: answered,
    body,
  } = await instance.pool.request({
    method: "GET",
    path,
    headers,
    signal,
  });
  instance.heed(answered);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new BrokenAnswer("the answer was too large");
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (statusCode >= 400) return parseServiceError(statusCode, bytes.toString());
  const type = String(answered["content-type"]);
  if (statusCode !== 200 || size === 0 || !type.startsWith("application/json")) {
    throw new BrokenAnswer(`the answer was ${statusCode} ${type}`);
  }
  return bytes;
}
