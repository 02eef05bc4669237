import type { PasswordOf } from "./accounts.ts";
import type { ServerSource } from "./find-server.ts";
import type { LaunchedServer } from "../processes/running-server.ts";

export interface ServerOptions {
  /** How it is called in messages and files. */
  name?: string;
  /** A free one when there is none given. */
  port?: number;
  /** Where its data stays; without it the data is temporary and stop() removes it. */
  dataDir?: string;
  logFile?: string | undefined;
  /** Random ones that nobody keeps, unless it is given. */
  passwordOf?: PasswordOf | undefined;
  /** Which binary or image to run; without it the first that is found. */
  source?: ServerSource | undefined;
  /** Takes what a user should know, one line each. */
  tell?: ((line: string) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** Called for each process as soon as it runs, long before it is ready. */
  onLaunch?: ((launched: LaunchedServer) => void) | undefined;
}
