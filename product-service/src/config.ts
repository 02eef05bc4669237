import { readConfig } from "@shop/service-kit/config/read-config";
import { port, redisVariables, serviceVariables } from "@shop/service-kit/config/variables";
import { z } from "zod";

export const variables = z.object({
  ...serviceVariables,
  ...redisVariables,
  PORT: port.prefault("3001").describe("The port to listen on."),
});

export type ProductServiceConfig = Readonly<z.infer<typeof variables>>;

export const readProductServiceConfig = (environment: NodeJS.ProcessEnv): ProductServiceConfig =>
  readConfig(variables, environment);
