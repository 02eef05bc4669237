import { eventually } from "@shop/test-support/eventually";
import { startServiceProcess } from "@shop/test-support/service-process";
import supertest from "supertest";
import { expect } from "vitest";
import { startShop } from "./shop.fixture.ts";

export type ShopWithGateway = Awaited<ReturnType<typeof startShopWithGateway>>;

/** The whole shop behind its one URL. Settings are environment variables that win. */
export async function startShopWithGateway(
  settings: {
    gateway?: Record<string, string>;
    services?: Record<string, string>;
    orderService?: Record<string, string>;
  } = {},
) {
  const { services = {}, orderService = {} } = settings;
  const shop = await startShop({ settings: services, orderSettings: orderService });
  const gateway = await startServiceProcess("gateway", {
    NODE_ENV: "production",
    ADMIN_PORT: "0",
    AUTH: "off",
    LOG_EVENTS: "true",
    ...shop.urls,
    ...settings.gateway,
  });
  const agent = supertest(gateway.url);
  await eventually(() => agent.get("/health").expect(200));
  return {
    shop,
    gateway,
    agent,
    /** Waits until an order has its outcome, and returns it. */
    settled: (id: string, headers: Record<string, string> = {}) =>
      eventually(async () => {
        const { body } = await agent.get(`/orders/${id}`).set(headers).expect(200);
        expect(body.data.status).not.toBe("pending");
        return body.data;
      }),
    stop: async () => {
      await gateway.end();
      await shop.stop();
    },
  };
}
