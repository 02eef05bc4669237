import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OPERATOR } from "./accounts.ts";
import { siblingOf } from "./find-server.ts";
import type { ProcessUser } from "../processes/managed-process.ts";
import { plainEnvironment, runCommand } from "../processes/run-command.ts";
import { OWNER_ALONE } from "../terminal/write-whole.ts";

/** Beside PostgreSQL's own files, which it does not look at. */
const PASSWORD_FILE = "operator-password";
const INITDB_TIMEOUT_MS = 120_000;

// The same order of names on every system, whatever its language.
const ENCODING = ["--encoding", "UTF8", "--locale", "C"];

// Where only root may write but every user may go. Not /var/tmp: that is cleared of what is a month old.
const SHARED_FOLDER = "/var/lib/local-stack";

/** PostgreSQL refuses to run as root: its package's own user does it then. */
export function postgresUser(): ProcessUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const id = (flag: string) => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
    try {
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // Not a user of this machine.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user "postgres" to run it as');
}

function canEnter(folder: string, user: ProcessUser): boolean {
  try {
    execFileSync("test", ["-x", folder], { ...user, cwd: "/", stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The wanted folder, or one named after it elsewhere when the server's user can't get into the wanted one. */
export async function reachableDataDir(
  wanted: string,
  user: ProcessUser | undefined,
): Promise<string> {
  const parent = dirname(wanted);
  await mkdir(parent, { recursive: true });
  if (user === undefined || canEnter(parent, user)) return wanted;
  const key = createHash("sha256").update(parent).digest("hex").slice(0, 12);
  const folder = join(SHARED_FOLDER, key);
  await mkdir(folder, { recursive: true });
  return join(folder, basename(wanted));
}

export interface NewCluster {
  binary: string;
  dataDir: string;
  user: ProcessUser | undefined;
  durable: boolean;
  password: string;
  signal?: AbortSignal | undefined;
}

/** It grows beside its place and is moved there when it is whole: a start that was cut off leaves nothing half done. */
export async function createCluster(cluster: NewCluster): Promise<void> {
  const { binary, dataDir } = cluster;
  if (existsSync(join(dataDir, "PG_VERSION"))) return checkVersion(binary, dataDir);
  const staging = `${dataDir}.new`;
  await rm(staging, { recursive: true, force: true });
  try {
    await mkdir(staging, { mode: 0o700 });
    await initialise(staging, cluster);
    await rename(join(staging, "cluster"), dataDir);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function initialise(staging: string, cluster: NewCluster): Promise<void> {
  const { binary, user, durable, password, signal } = cluster;
  const passwordFile = join(staging, PASSWORD_FILE);
  await writeFile(passwordFile, password, { mode: OWNER_ALONE });
  const owned = user ? [staging, passwordFile] : [];
  await Promise.all(owned.map((path) => chown(path, user?.uid ?? 0, user?.gid ?? 0)));
  const access = ["--username", OPERATOR, "--pwfile", passwordFile, "--auth", "scram-sha-256"];
  const where = ["--pgdata", join(staging, "cluster")];
  await runCommand({
    command: siblingOf(binary, "initdb"),
    args: [...where, ...ENCODING, ...access, ...(durable ? [] : ["--no-sync"])],
    cwd: staging,
    env: plainEnvironment(),
    user,
    timeoutMs: INITDB_TIMEOUT_MS,
    signal,
  });
  await rename(passwordFile, join(staging, "cluster", PASSWORD_FILE));
}

/** It stays with the data, which may outlive the secret that it was made from. */
export async function passwordOfCluster(dataDir: string): Promise<string | undefined> {
  const file = join(dataDir, PASSWORD_FILE);
  return existsSync(file) ? readFile(file, "utf8") : undefined;
}

/** A cluster of an earlier version, when everybody knew its password and its tables were the operator's. */
export const isOfEarlierVersion = (dataDir: string): boolean =>
  existsSync(join(dataDir, "PG_VERSION")) && !existsSync(join(dataDir, PASSWORD_FILE));

export const keepPassword = (dataDir: string, password: string): Promise<void> =>
  writeFile(join(dataDir, PASSWORD_FILE), password, { mode: OWNER_ALONE });

async function checkVersion(binary: string, dataDir: string): Promise<void> {
  const has = (await readFile(join(dataDir, "PG_VERSION"), "utf8")).trim();
  const said = execFileSync(binary, ["--version"], { encoding: "utf8" });
  const runs = /(\d+)/.exec(said)?.[1];
  if (has === runs) return;
  throw new Error(
    `${dataDir} was made by PostgreSQL ${has}, but PostgreSQL ${runs} is what was found (${binary}).\n` +
      `Install PostgreSQL ${has}, or remove that folder to begin with empty data.`,
  );
}
