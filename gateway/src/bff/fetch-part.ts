import type { ContractError } from "@shop/contracts/errors";
import { askInstances } from "../upstream/ask-instances.ts";
import { BrokenAnswer } from "../upstream/failures.ts";
import type { Instance } from "../upstream/instance.ts";
import { parseServiceError } from "../upstream/service-error.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { getWhole, type Question } from "../upstream/whole-answer.ts";

/** The bytes of a service's answer; throws what its client is to be told. */
export async function fetchPart(upstream: Upstream, question: Question): Promise<Buffer> {
  const answer = await askInstances(upstream, {
    repeatable: () => true,
    send: (instance, again) => get(instance, again, question),
  });
  if (Buffer.isBuffer(answer)) return answer;
  throw answer;
}

/** A service's error is an answer as well: the instance is fine. */
async function get(
  instance: Instance,
  again: boolean,
  question: Question,
): Promise<Buffer | ContractError> {
  const { status, headers, bytes } = await getWhole(instance.connections(again), question);
  instance.heed(headers, again);
  if (status >= 400) return parseServiceError(status, bytes.toString());
  const type = String(headers["content-type"]);
  if (status !== 200 || bytes.length === 0 || !type.startsWith("application/json")) {
    throw new BrokenAnswer(`the answer was ${status} ${type}`);
  }
  return bytes;
}
