/** What is used here of newman, which brings no types. */
declare module "newman" {
  interface Item {
    id: string;
    name: string;
  }

  export interface RunOptions {
    collection: string | object;
    environment: string | object;
    envVar: { key: string; value: string }[];
    reporters: string[];
    timeout: number;
    timeoutRequest: number;
    timeoutScript: number;
  }

  export interface Summary {
    collection: { forEachItem(visit: (item: Item) => void): void };
    run: {
      stats: Record<"requests" | "assertions", { total: number }>;
      failures: { source?: Item; error: { test?: string; message: string } }[];
      executions: { item: Item }[];
    };
  }

  const newman: {
    run(options: RunOptions, done: (error: Error | null, summary: Summary) => void): void;
  };
  export default newman;
}
