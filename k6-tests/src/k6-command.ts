import { join } from "node:path";
import type { K6 } from "./find-k6.ts";

/** None of them is a secret: the token's value stands in the environment alone. */
const settingFlags = (settings: NodeJS.ProcessEnv): string[] =>
  Object.entries(settings).flatMap(([name, value]) => ["-e", `${name}=${value}`]);

export interface LoadRun {
  readonly script: string;
  /** The folder with the scripts. */
  readonly scripts: string;
  readonly shop: string;
  readonly token: string | undefined;
  /** Where k6 is to leave its summary. */
  readonly folder: string;
  readonly file: string;
}

export interface Place {
  readonly platform: NodeJS.Platform;
  readonly isTerminal: boolean;
  readonly user: { uid: number; gid: number } | undefined;
}

export interface K6Command {
  readonly command: string;
  readonly args: string[];
  readonly env: NodeJS.ProcessEnv;
}

/** What a user may set, by the names that parts/settings.js reads. */
export const SETTINGS = [
  "RATE",
  "DURATION",
  "RAMP",
  "SETTLE_LIMIT",
  "DRAIN_LIMIT",
  "PRODUCTS",
  "STRICT",
  "P95_MS",
  "P99_MS",
  "DONE_P95_MS",
  "FIRST_RATE",
  "RATE_STEP",
  "LAST_RATE",
  "STEP_SECONDS",
] as const;

const RUN = ["run", "--no-usage-report"];
/** Go's collector at half of its usual work: k6's CPU is taken from the shop that it measures, where both are on one machine. */
const COLLECT_RARELY = "200";
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

export function k6Command(
  k6: K6,
  run: LoadRun,
  place: Place,
  environment: NodeJS.ProcessEnv,
): K6Command {
  const token = run.token === undefined ? {} : { TOKEN: run.token };
  const GOGC = environment["GOGC"] || COLLECT_RARELY;
  if (k6.kind === "docker") {
    const shop = seenFromContainer(run.shop, place.platform);
    const given = pick(environment, SETTINGS);
    const env = { ...given, GOGC, BASE_URL: shop, SUMMARY_FILE: `/load/${run.file}` };
    return {
      command: "docker",
      args: ["run", ...dockerFlags(run, place), ...settingFlags(env), "-e", "TOKEN"].concat([
        k6.image,
        ...RUN,
        `/k6-tests/${run.script}.js`,
      ]),
      env: { ...environment, ...token },
    };
  }
  const summaryFile = join(run.folder, run.file);
  return {
    command: k6.path,
    args: [...RUN, join(run.scripts, `${run.script}.js`)],
    env: { ...environment, ...token, GOGC, BASE_URL: run.shop, SUMMARY_FILE: summaryFile },
  };
}

/** On Linux the container is in the machine's own network; elsewhere Docker is in a machine of its own, which has a name for ours. */
function seenFromContainer(url: string, platform: NodeJS.Platform): string {
  const shop = new URL(url);
  if (platform !== "linux" && LOOPBACK.has(shop.hostname)) shop.hostname = "host.docker.internal";
  return shop.href.replace(/\/$/, "");
}

function dockerFlags({ scripts, folder }: LoadRun, { platform, isTerminal, user }: Place) {
  return [
    "--rm",
    ...(isTerminal ? ["--tty"] : []),
    ...(platform === "linux" ? ["--network", "host"] : []),
    // The summary is to belong to whoever runs this.
    ...(user === undefined ? [] : ["--user", `${user.uid}:${user.gid}`]),
    "--volume",
    `${scripts}:/k6-tests:ro`,
    "--volume",
    `${folder}:/load`,
  ];
}

function pick(environment: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      return value ? [[name, value]] : [];
    }),
  );
}
