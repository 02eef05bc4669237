import type { AddressInfo } from "node:net";
import type { DynamicModule } from "@nestjs/common";
import { createHttpApp } from "./http/create-http-app.ts";
import { LOGGER, type Logger } from "./log/logger.ts";
import type { RunningProgram } from "./program.ts";

export interface Listen {
  readonly HOST: string;
  readonly PORT: number;
}

/** Starts what is in the module, then listens: a caller that connects finds a service that can work. */
export async function startService(
  module: DynamicModule,
  { HOST: host, PORT }: Listen,
): Promise<RunningProgram> {
  const app = await createHttpApp(module);
  const log: Logger = app.get(LOGGER);
  try {
    await app.listen({ host, port: PORT, backlog: 1_024 });
  } catch (error) {
    await app.close();
    throw error;
  }
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  log.info({ url }, "listening");

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await app.close();
    log.info("stopped");
  };
  return { url, stop: () => (stopping ??= stop()) };
}
