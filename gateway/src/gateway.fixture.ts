import { call, type Answer, type Call } from "@shop/test-support/http";
import { captureLog } from "@shop/test-support/log-capture";
import { failure, success } from "@shop/contracts/envelope";
import { expect, onTestFinished } from "vitest";
import { z } from "zod";
import { metaOf, type Combination } from "./bff/combination.ts";
import { readGatewayConfig } from "./config.ts";
import { startFakeService, type FakeService } from "./upstream/fake-service.fixture.ts";
import { startGateway } from "./gateway.ts";
import { ROUTES, type Route } from "./routes.ts";
import { SERVICES, type ServiceName } from "./services.ts";

/** The routes of the BFF. */
export const COMBINED = ROUTES.filter(
  (route): route is Route & { answeredBy: Combination } => typeof route.answeredBy === "object",
);

export type Fixture = Awaited<ReturnType<typeof startFixture>>;

/** The gateway in front of a fake one for each service. `settings` are environment variables that win. */
export async function startFixture(settings: Record<string, string> = {}) {
  const names = Object.keys(SERVICES) as ServiceName[];
  const fakes = await Promise.all(names.map(async (name) => [name, await startFakeService()]));
  const services = Object.fromEntries(fakes) as Record<ServiceName, FakeService>;
  const environment = {
    NODE_ENV: "test",
    PORT: "0",
    ADMIN_PORT: "0",
    LOG_LEVEL: "debug",
    ...Object.fromEntries(names.map((name) => [SERVICES[name], services[name].url])),
    ...settings,
  };
  const log = captureLog();
  const start = (more: Record<string, string> = {}) =>
    startGateway(readGatewayConfig({ ...environment, ...more }), {
      logDestination: log.destination,
    });
  const gateway = await start();
  const request = (path: string, options?: Call): Promise<Answer> =>
    call(`${gateway.url}${path}`, options);
  return {
    environment,
    url: gateway.url,
    adminUrl: gateway.adminUrl,
    gateway,
    services,
    products: services["product-service"],
    orders: services["order-service"],
    log,
    request,
    /** Another gateway before the same services; the caller stops it. */
    startAnother: start,
    requestOf: (another: { url: string }, path: string, options?: Call): Promise<Answer> =>
      call(`${another.url}${path}`, options),
    /** What a metric says, for the labels that are given. */
    metric: async (name: string, ...labels: string[]): Promise<number> => {
      const { text } = await call(`${gateway.adminUrl}/metrics`);
      const lines = text.split("\n").filter((line) => new RegExp(`^${name}[{ ]`).test(line));
      const those = lines.filter((line) => labels.every((label) => line.includes(label)));
      return those.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    },
    stop: async () => {
      await gateway.stop();
      await Promise.all(Object.values(services).map((service) => service.stop()));
    },
  };
}

/** The same for one test, which stops it at its end. */
export async function startForTest(settings: Record<string, string> = {}): Promise<Fixture> {
  const fixture = await startFixture(settings);
  onTestFinished(fixture.stop);
  return fixture;
}

const anyMeta = z.union([
  z.strictObject({ requestId: z.string(), timestamp: z.iso.datetime() }),
  ...COMBINED.map(({ answeredBy }) => metaOf(answeredBy).strict()),
]);
const anySuccess = success(z.unknown(), anyMeta);

/** That an answer is in the envelope, and its error, if it is one, the contract's. */
export function expectEnvelope({
  status,
  headers,
  text,
}: Pick<Answer, "status" | "headers" | "text">) {
  expect(headers["content-type"]).toBe("application/json; charset=utf-8");
  const body: unknown = JSON.parse(text);
  const { data, error } = (status < 400 ? anySuccess : failure).strict().safeParse(body);
  expect(error).toBeUndefined();
  expect(data?.meta.requestId).toBe(headers["x-request-id"]);
}

/** That an answer is a failure of the contract with this code, and shows nothing of the inside. */
export function expectFailure(
  answer: Pick<Answer, "status" | "headers" | "text">,
  status: number,
  code: string,
): void {
  expect({ status: answer.status, text: answer.text }).toMatchObject({
    status,
    text: expect.stringContaining(`"code":"${code}"`),
  });
  expectEnvelope(answer);
  expect(answer.text).not.toMatch(/127\.0\.0\.1|localhost|ECONN|node:|\.ts\b|\.js\b/);
}
