import { closedLoop } from "./closed-loop.ts";
import type { LoadJob } from "./load-job.ts";
import { openLoop } from "./open-loop.ts";

// In a process of its own, so that nothing else that the bench does delays a request or an answer's time.
process.on("message", (job: LoadJob) => {
  const work = job.perSecond === undefined ? closedLoop(job) : openLoop(job, job.perSecond);
  void work.then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());
// The terminal's Ctrl-C is for the bench, which then lets go of the channel.
process.on("SIGINT", () => undefined);
