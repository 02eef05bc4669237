import { PROGRAMS } from "../../local-stack/src/programs/programs.ts";
import { SERVER_NAMES } from "../../local-stack/src/servers/server-table.ts";
import { waitUntil } from "../../local-stack/src/processes/wait-until.ts";
import { brokerPage, shopClient } from "./clients.ts";
import type { ComposeProject } from "./compose.ts";
import {
  expectNoFatalLines,
  expectNotRoot,
  expectReadOnly,
  imageSizes,
  killAndWait,
  memory,
  publishedPorts,
  same,
  stopInOrder,
} from "./container-checks.ts";

const BUILD_TIMEOUT_MS = 1_200_000;
/** First starts included: two databases are made, and images may have to be fetched. */
const UP_TIMEOUT_MS = 600_000;
const DOWN_TIMEOUT_MS = 120_000;
const STOCK_TIMEOUT_MS = 30_000;

const OPERATIONS = ["--profile", "operations"];

/** As npm start stops them: the gateway first. */
const PROGRAM_NAMES = PROGRAMS.toReversed().map(({ name }) => name);
const ALL = [...PROGRAM_NAMES, ...SERVER_NAMES];

/** How the project is reached. */
interface Ways {
  readonly gatewayPort: number;
  readonly managementPort: number;
  readonly brokerPassword: string;
}

export interface Step {
  readonly name: string;
  /** Throws when it does not hold; hands back what was seen, if that says something. */
  readonly run: () => Promise<string | void>;
}

export function proofSteps(
  project: ComposeProject,
  { gatewayPort, managementPort, brokerPassword }: Ways,
  signal: AbortSignal,
): Step[] {
  const shop = shopClient(`http://127.0.0.1:${gatewayPort}`, signal);
  const broker = brokerPage(`http://127.0.0.1:${managementPort}`, brokerPassword);
  let productId = 0;
  let firstOrder = "";

  const up = async () => {
    const wait = ["--wait", "--wait-timeout", `${UP_TIMEOUT_MS / 1000}`];
    await project.compose(["up", "--detach", "--no-build", ...wait], UP_TIMEOUT_MS);
    // The migrations have ended by now.
    const running = [...(await project.containers())].filter(
      ([, { State }]) => State.Status === "running",
    );
    same(running.map(([name]) => name).toSorted(), ALL.toSorted());
  };

  return [
    {
      name: "compose accepts docker-compose.yml",
      run: () =>
        nothing(project.compose(["--profile", "load", ...OPERATIONS, "config", "--quiet"])),
    },
    {
      name: "images built",
      run: () => nothing(project.compose([...OPERATIONS, "build"], BUILD_TIMEOUT_MS)),
    },
    { name: "everything up and healthy", run: up },
    { name: "image sizes", run: () => imageSizes(project, PROGRAM_NAMES) },
    {
      name: "published: the gateway, and on loopback the management page",
      async run() {
        const published = publishedPorts(await project.containers());
        same(
          published,
          [
            `127.0.0.1:${gatewayPort}->4000/tcp`,
            `127.0.0.1:${managementPort}->15672/tcp`,
          ].toSorted(),
        );
        return published.join(", ");
      },
    },
    ...ALL.map((service) => ({
      name: `${service} does not run as root`,
      run: () => nothing(expectNotRoot(project, service)),
    })),
    ...PROGRAM_NAMES.map((service) => ({
      name: `${service} can't write to its root file system`,
      run: () => nothing(expectReadOnly(project, service)),
    })),
    {
      name: "an order through the gateway is done",
      async run() {
        productId = await shop.createProduct(1_000);
        firstOrder = await shop.order(productId);
      },
    },
    {
      name: "the operator's commands reach the databases and the broker",
      async run() {
        const run = ["run", "--rm", "--no-deps", "operations"];
        const said = await project.compose([...run, "orders:stuck"]);
        if (!said.includes("No order has been pending")) throw new Error(said);
        await project.compose([...run, "dead-letters", "list"]);
      },
    },
    {
      name: "no server has logged a FATAL line",
      run: () => nothing(expectNoFatalLines(project, SERVER_NAMES)),
    },
    ...ALL.map((service) => ({
      name: `${service} killed: it comes back, and an order is done`,
      async run() {
        const healed = await killAndWait(project, service, signal);
        await shop.order(productId);
        return healed;
      },
    })),
    { name: "the management page knows its user", run: () => broker.leaveMessage() },
    { name: "memory", run: () => memory(project, ALL) },
    {
      name: "the programs stop in order when they are asked to",
      run: () => stopInOrder(project, PROGRAM_NAMES),
    },
    {
      name: "down and up again",
      async run() {
        await project.compose(["down"], DOWN_TIMEOUT_MS);
        same((await project.containers()).size, 0);
        await up();
      },
    },
    {
      name: "the data is still there, and an order is done",
      async run() {
        same((await shop.read(`/orders/${firstOrder}`))["status"], "done");
        await broker.expectMessage();
        await shop.order(productId);
        // The first, one after each kill, and the one just now: none lost, none taken twice.
        await waitUntil(
          async () => (await shop.read(`/products/${productId}`))["qty"] === 1_000 - ALL.length - 2,
          { what: "the stock of all orders taken once", timeoutMs: STOCK_TIMEOUT_MS, signal },
        );
      },
    },
  ];
}

async function nothing(promise: Promise<unknown>): Promise<void> {
  await promise;
}
