import { containerName, runInContainer } from "./docker.ts";
import { siblingOf, type ServerSource } from "./find-server.ts";
import { LOOPBACK } from "./ports.ts";
import { POSTGRES_PASSWORD, POSTGRES_USER } from "./postgres-cluster.ts";
import { runCommand } from "./run-command.ts";
import { plainEnvironment } from "./server-options.ts";

const PSQL_TIMEOUT_MS = 60_000;

/** Runs statements as the superuser, each in a transaction of its own; the answer is bare values, one row a line. */
export type Psql = (statements: string[], database?: string) => Promise<string>;

export function psqlFor(source: ServerSource, name: string, port: number): Psql {
  return async (statements, database = "postgres") => {
    const quiet = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"];
    const who = ["-U", POSTGRES_USER, "-d", database];
    const args = [...quiet, ...who, ...statements.flatMap((sql) => ["-c", sql])];
    const access = { PGPASSWORD: POSTGRES_PASSWORD };
    if (source.kind === "docker") {
      return runInContainer(containerName(name, port), ["psql", "-h", LOOPBACK, ...args], access);
    }
    return runCommand({
      command: siblingOf(source.path, "psql"),
      args: ["-h", LOOPBACK, "-p", `${port}`, ...args],
      env: { ...plainEnvironment(), ...access },
      timeoutMs: PSQL_TIMEOUT_MS,
    });
  };
}
