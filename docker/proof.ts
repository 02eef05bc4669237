import { randomBytes } from "node:crypto";
import { dockerAnswers } from "../local-stack/src/docker.ts";
import { freePorts } from "../local-stack/src/ports.ts";
import { say, seconds } from "../local-stack/src/say.ts";
import { listenForStop } from "../local-stack/src/stop-signals.ts";
import { openProject } from "./compose.ts";
import { proofSteps } from "./proof-steps.ts";

/** Runs the real compose file on this machine's Docker Engine, breaks it and sees it heal. Leaves nothing behind. */
async function prove(signal: AbortSignal): Promise<void> {
  if (!(await dockerAnswers(signal))) {
    throw new Error(
      "No Docker Engine answers here, so nothing can be proven. Start Docker and try again.",
    );
  }
  const [gatewayPort = 0, managementPort = 0] = await freePorts(2);
  const password = () => randomBytes(12).toString("hex");
  const variables = {
    GATEWAY_PORT: `${gatewayPort}`,
    RABBITMQ_MANAGEMENT_PORT: `${managementPort}`,
    PRODUCT_DB_PASSWORD: password(),
    ORDER_DB_PASSWORD: password(),
    PRODUCT_REDIS_PASSWORD: password(),
    ORDER_REDIS_PASSWORD: password(),
    RABBITMQ_PASSWORD: password(),
  };
  const project = await openProject(`shop-proof-${process.pid}`, variables, signal);
  const steps = proofSteps(project, { gatewayPort, managementPort }, signal);
  try {
    for (const { name, run } of steps) {
      const startedAt = Date.now();
      try {
        const seen = await run();
        say(`ok      ${name}${seen ? `: ${seen}` : ""} (${seconds(startedAt)})`);
      } catch (error) {
        say(`FAILED  ${name} (${seconds(startedAt)})`);
        throw error;
      }
    }
  } catch (error) {
    if (!signal.aborted) await showLogs(project).catch(() => {});
    throw error;
  } finally {
    const startedAt = Date.now();
    await project.remove();
    say(`ok      containers, networks, volumes and images removed (${seconds(startedAt)})`);
  }
}

async function showLogs(project: Awaited<ReturnType<typeof openProject>>): Promise<void> {
  say(await project.compose(["ps", "--all"]));
  say(await project.compose(["logs", "--tail", "15", "--no-color"]));
}

const { signal, ignore } = listenForStop();
try {
  await prove(signal);
} catch (error) {
  if (!signal.aborted) say((error as Error).message);
  process.exitCode = signal.aborted ? 130 : 1;
}
ignore();
