import { keepConnection, NO_ANSWER, type Connection } from "./connection.ts";
import { requestBytes, type LoadJob, type LoadResult } from "./load-job.ts";
import { createTally } from "./tally.ts";

/** So that a server that is gone is not asked for ever and at once. */
const AFTER_NO_ANSWER_MS = 20;

/** Each connection sends its next request as soon as it has the answer to its last: the server is always busy. */
export async function closedLoop(job: LoadJob): Promise<LoadResult> {
  const requests = job.requests.map((request) => requestBytes(job, request));
  const tally = createTally();
  const startedAt = performance.now();
  const endAt = startedAt + job.seconds * 1_000;
  let sent = 0;

  const keepBusy = (connection: Connection): Promise<void> =>
    new Promise((resolve) => {
      const next = (): void => {
        const sentAt = performance.now();
        if (sentAt >= endAt) {
          connection.end();
          resolve();
          return;
        }
        const request = requests[sent % requests.length]!;
        sent += 1;
        connection.send(request, (status) => {
          tally.add(status, performance.now() - sentAt);
          if (status === NO_ANSWER) setTimeout(next, AFTER_NO_ANSWER_MS);
          else next();
        });
      };
      next();
    });

  await Promise.all(
    Array.from({ length: job.connections }, () => keepBusy(keepConnection(job.address))),
  );
  return tally.result(sent, (performance.now() - startedAt) / 1_000);
}
