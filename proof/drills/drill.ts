import type { Ledger } from "@shop/test-support/ledger";
import type { Heard, Load } from "./load.ts";
import type { DrillSystem } from "./system.ts";

/** Which system a drill needs. Drills that need the same share one. */
export interface SystemNeeds {
  readonly replicas?: number;
  /** Changes of the programs, by their name in sabotage.ts. */
  readonly changes?: string;
  /** Environment variables of the programs. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The system's `way` leads there: from the gateway to order-service, from both services to RabbitMQ. */
  readonly throughProxy?: "order-service" | "rabbitmq";
}

export interface Drill {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  /** The promise of the design that it proves, in a few words. */
  readonly promise: string;
  readonly system?: SystemNeeds;
  /** Orders each second, unless the command line says otherwise; 0 for a drill that brings its own clients. */
  readonly rate?: number;
  /** What may be heard beside success. */
  readonly tolerates: (heard: Heard) => boolean;
  /** How long caches may be behind after a fault that kept Redis from hearing of a change. */
  readonly cachesMayLagMs?: number;
  /** Injects the fault and heals it. */
  run(scene: Scene): Promise<void>;
}

/** What a drill works with. */
export interface Scene {
  readonly system: DrillSystem;
  readonly load: Load;
  readonly ledger: Ledger;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** How many times crash drills strike. */
  readonly instants: number;
  /** Orders each second that the load sends. */
  readonly rate: number;
  /** A length of time, shorter in short runs. */
  readonly lasting: (ms: number) => number;
  readonly pause: (ms: number) => Promise<void>;
  /** What must hold beside the checks that every drill ends with. */
  readonly expect: (holds: boolean, otherwise: string) => void;
  /** The same of a time, for which a machine that is busy otherwise may be given patience. */
  readonly inTime: (what: string, tookMs: number, limitMs: number) => void;
  /** A figure of this drill's own. */
  readonly note: (text: string) => void;
  /** The fault is over now; without it, it is when `run` ends. */
  readonly healed: () => void;
}

/** What the contract allows a client to hear while something behind the gateway is away. */
export const BRIEFLY_AWAY: readonly (number | undefined)[] = [502, 503, 504];

export const nothing = (): boolean => false;

export const statuses =
  (what: RegExp, allowed: readonly (number | undefined)[]) =>
  (heard: Heard): boolean =>
    what.test(heard.what) && allowed.includes(heard.status);

/** What the command line asks for. */
export interface Wanted {
  readonly names: readonly string[];
  readonly list: boolean;
  readonly short: boolean;
  readonly write: boolean;
  readonly seed: number;
  readonly instants: number;
  /** Of how long things last. */
  readonly time: number;
  readonly rate: number | undefined;
  /** What limits of time are multiplied with. */
  readonly patience: number;
  readonly minutes: number;
  /** A way to break the programs on purpose. */
  readonly sabotage: string | undefined;
}
