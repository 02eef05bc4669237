import { dirname, join } from "node:path";
import { OPERATOR, temporaryPasswords } from "./accounts.ts";
import { runServer } from "../processes/define-server.ts";
import type { RunningServer } from "../processes/running-server.ts";
import { containerLaunch, volumeFor } from "./container.ts";
import { containerName, runInContainer } from "./docker.ts";
import { startEpmd, stopEpmd } from "./epmd.ts";
import { findServer } from "./find-server.ts";
import { startProcess, type ManagedProcess } from "../processes/managed-process.ts";
import { LOOPBACK, lastingPorts } from "../processes/ports.ts";
import {
  nodeEnvironment,
  writeContainerFiles,
  writeNodeFiles,
  type RabbitmqNode,
} from "./rabbitmq-files.ts";
import { rabbitmqDefinitions } from "./rabbitmq-definitions.ts";
import { rabbitmqAnswers } from "./readiness.ts";
import { markReady } from "./ready-mark.ts";
import { runCommand } from "../processes/run-command.ts";
import type { ServerOptions } from "./server-options.ts";
import { chooseDataDir } from "../processes/temporary-folder.ts";

const READY_TIMEOUT_MS = 90_000;
const CONTROL_TIMEOUT_MS = 60_000;
const DOCKER_PORT = 5672;
const DOCKER_MANAGEMENT_PORT = 15_672;

export interface RabbitmqOptions extends ServerOptions {
  distributionPort?: number;
  epmdPort?: number;
  /** The management page and its HTTP API are off unless they get a port. */
  managementPort?: number | undefined;
  /** Each with an account of its own. */
  services?: readonly string[];
  vhosts?: readonly string[];
  /** Further lines of its configuration. */
  settings?: readonly string[];
}

export interface RabbitmqServer extends RunningServer {
  /** Runs rabbitmqctl against this broker and hands back what it said. */
  control(args: string[]): Promise<string>;
}

type Launch = RabbitmqNode & { name: string; logFile?: string | undefined };

export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<RabbitmqServer> {
  const { name = "rabbitmq", managementPort, logFile, signal } = options;
  const source = options.source ?? (await findServer("rabbitmq", signal));
  const data = await chooseDataDir(options.dataDir, name);
  const keepData = options.dataDir !== undefined;
  const [port = 0, distributionPort = 0, epmdPort = 0] = await choosePorts(options);
  const passwordOf = options.passwordOf ?? temporaryPasswords();
  const { services = [], vhosts = ["/"], settings = [] } = options;
  const node: Launch = {
    name,
    dataDir: data.path,
    logFile,
    port,
    distributionPort,
    epmdPort,
    managementPort,
    definitions: rabbitmqDefinitions({ services, vhosts }, passwordOf),
    settings,
  };
  let epmd: ManagedProcess | null = null;

  const server = await runServer({
    name,
    port,
    url: `amqp://${OPERATOR}:${passwordOf(OPERATOR)}@${LOOPBACK}:${port}`,
    async launch() {
      if (source.kind === "docker") return launchInContainer(node, source.image, keepData);
      await writeNodeFiles(node);
      if (epmd === null || epmd.hasExited()) epmd = await startEpmd(epmdPort, data.path);
      return launchBinary(node, source.path);
    },
    isReady: () => rabbitmqAnswers(port),
    onReady: () => markReady(data.path),
    readyTimeoutMs: READY_TIMEOUT_MS,
    // An orderly end takes seconds, and is wasted on data that is thrown away.
    stopSignal: keepData ? "SIGTERM" : "SIGKILL",
    helperPids: () => (epmd === null || epmd.hasExited() ? [] : [epmd.pid]),
    async cleanUp() {
      await stopEpmd(epmd);
      await data.remove();
    },
    onLaunch: options.onLaunch,
    signal,
  });

  return Object.assign(server, {
    control(args: string[]) {
      if (source.kind === "docker") {
        return runInContainer(containerName(name, port), ["rabbitmqctl", ...args]);
      }
      return runCommand({
        command: join(dirname(source.path), "rabbitmqctl"),
        args,
        env: nodeEnvironment(node),
        timeoutMs: CONTROL_TIMEOUT_MS,
      });
    },
  });
}

async function choosePorts(options: RabbitmqOptions): Promise<number[]> {
  const wanted = [options.port, options.distributionPort, options.epmdPort];
  const free = await lastingPorts(wanted.length);
  return free.map((port, index) => wanted[index] ?? port);
}

function launchBinary(node: Launch, command: string): Promise<ManagedProcess> {
  const { dataDir, logFile } = node;
  return startProcess({ command, args: [], cwd: dataDir, env: nodeEnvironment(node), logFile });
}

async function launchInContainer(
  node: Launch,
  image: string,
  keepData: boolean,
): Promise<ManagedProcess> {
  const { port, managementPort, logFile } = node;
  const name = containerName(node.name, port);
  const volume = volumeFor(node.dataDir, "/var/lib/rabbitmq");
  const management =
    managementPort === undefined ? {} : { [managementPort]: DOCKER_MANAGEMENT_PORT };
  return containerLaunch({
    name,
    image: managementPort === undefined ? image : image.replace("4-", "4-management-"),
    ports: { [port]: DOCKER_PORT, ...management },
    env: {
      // As outside: the container's first process is the server itself, and no script.
      RUNNING_UNDER_SYSTEMD: "true",
    },
    // Its data is filed under the node's name, which is made of the host's.
    hostname: "rabbitmq",
    volume: keepData ? volume : undefined,
    files: await writeContainerFiles(node),
    logFile,
  });
}
