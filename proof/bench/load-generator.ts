import { closedLoop, openLoop, type LoadJob } from "./load.ts";

process.on("message", (job: LoadJob) => {
  const work = job.perSecond === undefined ? closedLoop(job) : openLoop(job, job.perSecond);
  void work.then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());
// The terminal's Ctrl-C is for the bench, which then closes the channel.
process.on("SIGINT", () => undefined);
