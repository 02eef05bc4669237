import { setTimeout as pause } from "node:timers/promises";
import { keepConnection } from "./connection.ts";
import { requestBytes, type LoadJob, type LoadResult } from "./load-job.ts";
import { sendSchedule } from "./send-schedule.ts";
import { createTally } from "./tally.ts";

const TICK_MS = 1;
/** What has no answer by then has failed. */
const LAST_ANSWERS_MS = 15_000;

/**
 * A fixed rate. A latency counts from the moment at which the request should have gone out, also when it had to wait for a
 * free connection: a server that stalls can't hide the requests that came meanwhile.
 */
export async function openLoop(job: LoadJob, perSecond: number): Promise<LoadResult> {
  const requests = job.requests.map((request) => requestBytes(job, request));
  const schedule = sendSchedule(perSecond, job.seconds);
  const tally = createTally();
  const all = Array.from({ length: job.connections }, () => keepConnection(job.address));
  const idle = [...all];
  const startedAt = performance.now();
  let sent = 0;
  let lastAnswerAt = startedAt;

  const sendWhatIsDue = (): void => {
    const due = schedule.dueBy(performance.now() - startedAt);
    while (sent < due) {
      const connection = idle.pop();
      if (connection === undefined) return;
      const dueAt = startedAt + schedule.dueAt(sent);
      const request = requests[sent % requests.length]!;
      sent += 1;
      connection.send(request, (status) => {
        lastAnswerAt = performance.now();
        tally.add(status, lastAnswerAt - dueAt);
        idle.push(connection);
        sendWhatIsDue();
      });
    }
  };

  const giveUpAt = startedAt + job.seconds * 1_000 + LAST_ANSWERS_MS;
  while (tally.answered < schedule.total && performance.now() < giveUpAt) {
    sendWhatIsDue();
    await pause(TICK_MS);
  }
  const result = tally.result(schedule.total, (lastAnswerAt - startedAt) / 1_000);
  for (const connection of all) connection.end();
  return result;
}
