export type CheckResult = "ok" | "degraded" | "down";

export interface Health {
  readonly status: "ok" | "degraded" | "down" | "stopping";
  readonly checks: Readonly<Record<string, CheckResult>>;
}

export interface HealthChecks {
  /** Without these the service can't serve: they decide whether it is ready. */
  readonly required: Readonly<Record<string, () => boolean | Promise<boolean>>>;
  /** Reported only: an outage of the broker takes nothing out of service. */
  readonly optional: Readonly<Record<string, () => boolean | Promise<boolean>>>;
}

/** Whether the service can serve, and what it waits for. */
export class HealthReport {
  private stopping = false;

  constructor(private readonly checks: HealthChecks) {}

  get isStopping(): boolean {
    return this.stopping;
  }

  markStopping(): void {
    this.stopping = true;
  }

  async read(): Promise<Health> {
    const [required, optional] = await Promise.all([
      run(this.checks.required, "down"),
      run(this.checks.optional, "degraded"),
    ]);
    const checks = { ...required, ...optional };
    return { status: this.stopping ? "stopping" : worst(Object.values(checks)), checks };
  }
}

async function run(
  checks: HealthChecks["required"],
  otherwise: CheckResult,
): Promise<Record<string, CheckResult>> {
  const results = Object.entries(checks).map(
    async ([name, check]) => [name, (await check()) ? "ok" : otherwise] as const,
  );
  return Object.fromEntries(await Promise.all(results));
}

function worst(results: readonly CheckResult[]): CheckResult {
  if (results.includes("down")) return "down";
  return results.includes("degraded") ? "degraded" : "ok";
}
