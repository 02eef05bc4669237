import { ORDER_UPDATED_QUEUE, PRODUCT_TYPES } from "@shop/contracts/topology";
import { createHttpApp } from "@shop/service-kit/http/create-http-app";
import { consumeHints } from "@shop/service-kit/messaging/hint-consumer";
import { runService, type RunningService } from "@shop/service-kit/run-service";
import { ServiceKit, type KitOptions } from "@shop/service-kit/service-kit";
import { AppModule } from "./app.module.ts";
import type { OrderServiceConfig } from "./config.ts";
import { pruning, sweeping, watchPending } from "./reconcile/housekeeping.ts";
import { IdempotencyKeyEntity } from "./place/idempotency-key.entity.ts";
import { Orders1700000000001 } from "./migrations/1700000000001-orders.ts";
import { OrderSubjects1700000000002 } from "./migrations/1700000000002-order-subjects.ts";
import { OrderEntity } from "./orders/order.entity.ts";
import { ProductDirectory } from "./products/product-directory.ts";
import { ApplyOutcomes } from "./apply/apply-outcomes.ts";
import { toSettings } from "./settings.ts";
import { RepublishOrders } from "./reconcile/republish-orders.ts";

export const orderSchema = {
  entities: [OrderEntity, IdempotencyKeyEntity],
  migrations: [Orders1700000000001, OrderSubjects1700000000002],
};

export async function startOrderService(
  config: OrderServiceConfig,
  options: Pick<KitOptions, "logDestination"> = {},
): Promise<RunningService> {
  const kit = new ServiceKit({ name: "order-service", config, schema: orderSchema, ...options });
  const settings = toSettings(config);
  const app = await createHttpApp(AppModule.with(kit, settings), kit);

  const statuses = app.get(ApplyOutcomes);
  const products = app.get(ProductDirectory);
  kit.consume(ORDER_UPDATED_QUEUE, ["order.updated"], (events) => statuses.handle(events));
  consumeHints(kit.consuming, {
    name: "order-service.products",
    types: PRODUCT_TYPES,
    onHint: (event) => products.learn(event),
    log: kit.log,
    events: kit.events,
  });

  watchPending(kit, settings);
  const parts = [
    ...kit.parts(),
    sweeping(kit, app.get(RepublishOrders), settings),
    pruning(kit, settings),
  ];
  const listen = { host: config.HOST, port: config.PORT };
  return runService(app, { listen, parts, health: kit.health, log: kit.log });
}
