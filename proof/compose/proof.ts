import { STOPPED } from "../../local-stack/src/terminal/exit-codes.ts";
import { randomBytes } from "node:crypto";
import { docker, dockerAnswers } from "../../local-stack/src/servers/docker.ts";
import { lastingPorts } from "../../local-stack/src/processes/ports.ts";
import { say, seconds } from "../../local-stack/src/terminal/say.ts";
import { listenForStop } from "../../local-stack/src/terminal/stop-signals.ts";
import { openProject, type ComposeProject } from "./compose.ts";
import { proofSteps, type Step } from "./proof-steps.ts";

/** Runs the real compose file on this machine's Docker Engine, breaks it and sees it heal. Leaves nothing behind. */
async function prove(signal: AbortSignal): Promise<boolean> {
  if (!(await dockerAnswers(signal))) {
    throw new Error(
      "No Docker Engine answers here, so nothing can be proven. Start Docker and try again.",
    );
  }
  await docker(["compose", "version"]).catch(() => {
    signal.throwIfAborted();
    throw new Error(
      "This Docker has no compose, so nothing can be proven. Install its plugin (https://docs.docker.com/compose/install) and try again.",
    );
  });
  const [gatewayPort = 0, managementPort = 0] = await lastingPorts(2);
  const password = () => randomBytes(12).toString("hex");
  const variables = {
    GATEWAY_PORT: `${gatewayPort}`,
    RABBITMQ_MANAGEMENT_PORT: `${managementPort}`,
    PRODUCT_DB_PASSWORD: password(),
    ORDER_DB_PASSWORD: password(),
    PRODUCT_REDIS_PASSWORD: password(),
    ORDER_REDIS_PASSWORD: password(),
    RABBITMQ_PASSWORD: password(),
    PRODUCT_DB_OWNER_PASSWORD: password(),
    ORDER_DB_OWNER_PASSWORD: password(),
    PRODUCT_SERVICE_PASSWORD: password(),
    ORDER_SERVICE_PASSWORD: password(),
  };
  const project = await openProject(`shop-proof-${process.pid}`, variables, signal);
  const ways = { gatewayPort, managementPort, brokerPassword: variables.RABBITMQ_PASSWORD };
  try {
    for (const step of proofSteps(project, ways, signal)) {
      if (await holds(step)) continue;
      if (!signal.aborted) await showLogs(project);
      return false;
    }
    return true;
  } finally {
    const startedAt = Date.now();
    await project.remove();
    say(`ok      containers, networks, volumes and images removed (${seconds(startedAt)})`);
  }
}

async function holds({ name, run }: Step): Promise<boolean> {
  const startedAt = Date.now();
  try {
    const seen = await run();
    say(`ok      ${name}${seen ? `: ${seen}` : ""} (${seconds(startedAt)})`);
    return true;
  } catch (error) {
    say(`FAILED  ${name} (${seconds(startedAt)}): ${(error as Error).message}`);
    return false;
  }
}

async function showLogs(project: ComposeProject): Promise<void> {
  try {
    say(await project.compose(["ps", "--all"]));
    say(await project.compose(["logs", "--tail", "15", "--no-color"]));
  } catch (error) {
    say((error as Error).message);
  }
}

const { signal, ignore } = listenForStop();
try {
  const proven = await prove(signal);
  process.exitCode = proven ? 0 : 1;
} catch (error) {
  if (!signal.aborted) say((error as Error).message);
  process.exitCode = 1;
}
if (signal.aborted) process.exitCode = STOPPED;
ignore();
