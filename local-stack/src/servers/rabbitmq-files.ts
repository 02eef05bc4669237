import { mkdir, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { MAX_MESSAGE_BYTES } from "../../../shared-contracts/src/topology.ts";
import { LOOPBACK } from "../processes/ports.ts";
import { wasReady } from "./ready-mark.ts";
import { plainEnvironment } from "../processes/run-command.ts";
import { makePrivateFolder } from "../processes/temporary-folder.ts";
import { OWNER_ALONE } from "../terminal/write-whole.ts";

export interface RabbitmqNode {
  dataDir: string;
  port: number;
  distributionPort: number;
  epmdPort: number;
  managementPort?: number | undefined;
  definitions: object;
  /** Further lines of its configuration. */
  settings: readonly string[];
}

const MAX_LOG_BYTES = 10 * 1024 * 1024;

/**
 * Seven other programs share this machine. No spinning while idle, and half of the cores: waking one scheduler by another costs a
 * sixth of the broker's CPU on two cores.
 */
const SCHEDULERS = Math.max(1, Math.floor(availableParallelism() / 2));
const SCHEDULING = `+S ${SCHEDULERS}:${SCHEDULERS} +sbwt none +sbwtdcpu none +sbwtdio none`;

const DOCKER_CONFIG = "/etc/rabbitmq/conf.d/30-local-stack.conf";
const DOCKER_DEFINITIONS = "/etc/rabbitmq/definitions.json";

/** Its users: see rabbitmq-definitions.ts. */
const definitionsIn = (dataDir: string): string => join(dataDir, "definitions.json");

/** Beyond it a message is refused: an event is a few hundred bytes, and a large one would stall whoever parses it. */
const MAX_MESSAGE = `max_message_size = ${MAX_MESSAGE_BYTES}`;

export async function writeNodeFiles(node: RabbitmqNode): Promise<void> {
  const { dataDir, port, managementPort } = node;
  if (!wasReady(dataDir)) await rm(join(dataDir, "mnesia"), { recursive: true, force: true });
  await mkdir(join(dataDir, "mnesia"), { recursive: true });
  await mkdir(join(dataDir, "log"), { recursive: true });
  const settings = [
    `listeners.tcp.local = ${LOOPBACK}:${port}`,
    `load_definitions = ${definitionsIn(dataDir)}`,
    MAX_MESSAGE,
    // Its own default is a part of the memory: on a full disk it would block publishers without a word.
    "disk_free_limit.absolute = 50MB",
    // What quorum queues have in memory before it goes to segments: 512 MB by default, which is much for a laptop.
    "raft.wal_max_size_bytes = 67108864",
    "log.console = false",
    "log.file = rabbitmq.log",
    "log.file.level = info",
    `log.file.rotation.size = ${MAX_LOG_BYTES}`,
    "log.file.rotation.count = 1",
    ...node.settings,
  ];
  if (managementPort !== undefined) {
    settings.push(`management.tcp.ip = ${LOOPBACK}`, `management.tcp.port = ${managementPort}`);
  }
  const plugins = managementPort === undefined ? "[]." : "[rabbitmq_management].";
  await writeFile(definitionsIn(dataDir), JSON.stringify(node.definitions), { mode: OWNER_ALONE });
  await writeFile(join(dataDir, "rabbitmq.conf"), `${settings.join("\n")}\n`);
  await writeFile(join(dataDir, "enabled_plugins"), `${plugins}\n`);
}

/** What a container reads of them, by its path there. Its server is another user than we are: the folder keeps others out here. */
export async function writeContainerFiles(node: RabbitmqNode): Promise<Record<string, string>> {
  const { dataDir, definitions, settings } = node;
  await makePrivateFolder(dataDir);
  const config = join(dataDir, "rabbitmq.conf");
  const lines = [`load_definitions = ${DOCKER_DEFINITIONS}`, MAX_MESSAGE, ...settings];
  await writeFile(definitionsIn(dataDir), JSON.stringify(definitions));
  await writeFile(config, `${lines.join("\n")}\n`);
  return { [config]: DOCKER_CONFIG, [definitionsIn(dataDir)]: DOCKER_DEFINITIONS };
}

/** Everything that RabbitMQ and Erlang would put in shared places is put below the data folder. */
export function nodeEnvironment(node: RabbitmqNode): NodeJS.ProcessEnv {
  const { dataDir, distributionPort, epmdPort } = node;
  return {
    ...plainEnvironment(),
    LC_ALL: "C.UTF-8",
    HOME: dataDir,
    // The host's own name need not resolve; "localhost" does. Its own epmd knows no other node of that name.
    RABBITMQ_NODENAME: "shop@localhost",
    RABBITMQ_DIST_PORT: `${distributionPort}`,
    ERL_EPMD_PORT: `${epmdPort}`,
    ERL_EPMD_ADDRESS: LOOPBACK,
    RABBITMQ_MNESIA_BASE: join(dataDir, "mnesia"),
    RABBITMQ_LOG_BASE: join(dataDir, "log"),
    RABBITMQ_CONFIG_FILE: join(dataDir, "rabbitmq.conf"),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(dataDir, "advanced.config"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dataDir, "enabled_plugins"),
    RABBITMQ_PID_FILE: join(dataDir, "rabbitmq.pid"),
    // Not there: the machine's own /etc/rabbitmq/rabbitmq-env.conf must not change our node.
    RABBITMQ_CONF_ENV_FILE: join(dataDir, "rabbitmq-env.conf"),
    // Makes the start script replace itself by Erlang, so that the process we start is the server itself.
    RUNNING_UNDER_SYSTEMD: "true",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${SCHEDULING} -kernel inet_dist_use_interface {127,0,0,1}`,
  };
}
