import type { Exit, ManagedProcess } from "./managed-process.ts";

export interface ServerExit extends Exit {
  /** True when stop(), kill() or restart() caused it, so that nobody needs to bring it back. */
  asked: boolean;
  recentOutput: string;
}

export interface LaunchedServer {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  /** The server's own process, a new one after each restart(). */
  readonly pid: number;
  /** Processes that belong to it and outlive a kill: RabbitMQ's epmd. */
  readonly helperPids: readonly number[];
  readonly container?: string | undefined;
}

export interface RunningServer extends LaunchedServer {
  isRunning(): boolean;
  /** Ends it in order and for good; the data of a temporary server is removed. */
  stop(): Promise<void>;
  /** Ends it the hard way (or with the given signal) and waits until it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Runs it again on the same port with the same data, after ending it in order if it still runs. */
  restart(): Promise<void>;
  onExit(listener: (exit: ServerExit) => void): void;
}

export interface ServerSpec {
  name: string;
  port: number;
  url: string;
  launch(): Promise<ManagedProcess>;
  isReady(): Promise<boolean>;
  readyTimeoutMs: number;
  stopSignal: NodeJS.Signals;
  /** Tells a start that fails for a reason that passes (it is tried again) from one that fails for good. */
  failsForNow?(output: string): boolean;
  helperPids?(): number[];
  stopTimeoutMs?: number;
  /** Its output is on the terminal already: an error message need not repeat it. */
  outputIsShown?: boolean;
  /** Ends helpers and removes temporary data. */
  cleanUp?(): Promise<void>;
  /** Called for each process as soon as it runs, long before it is ready. */
  onLaunch?: ((launched: LaunchedServer) => void) | undefined;
  onReady?(): Promise<void>;
  signal?: AbortSignal | undefined;
}
