import { vi } from "vitest";
import type { Command, Scene } from "./command.ts";
import type { Addresses } from "./config.ts";

/** Nothing listens there; a command that asks none of them needs no better ones. */
export const NOWHERE: Addresses = {
  orderDb: "postgres://127.0.0.1:9/x",
  productDb: "postgres://127.0.0.1:9/x",
  rabbitmq: "amqp://127.0.0.1:9",
};

/** A command in this process: its exit code, and what it prints. */
export async function run(
  command: Command,
  args: readonly string[],
  scene: Partial<Scene>,
): Promise<{ code: number; text: string }> {
  const written: string[] = [];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    written.push(String(chunk));
    return true;
  });
  try {
    const stop = new AbortController().signal;
    const code = await command(args, { addresses: NOWHERE, discarded: "", stop, ...scene });
    return { code, text: written.join("").trimEnd() };
  } finally {
    stdout.mockRestore();
  }
}
