import { ORDER_CREATED_QUEUE } from "@shop/contracts/topology";
import { createHttpApp } from "@shop/service-kit/http/create-http-app";
import { runService, type RunningService } from "@shop/service-kit/run-service";
import { ServiceKit, type KitOptions } from "@shop/service-kit/service-kit";
import { AppModule } from "./app.module.ts";
import type { ProductServiceConfig } from "./config.ts";
import { ProductsAndStock1700000000001 } from "./migrations/1700000000001-products-and-stock.ts";
import { ProductEntity } from "./products/product.entity.ts";
import { DecideOrders } from "./decide/decide-orders.ts";
import { StockAdjustmentEntity, StockMovementEntity } from "./decide/stock.entity.ts";

export const productSchema = {
  entities: [ProductEntity, StockMovementEntity, StockAdjustmentEntity],
  migrations: [ProductsAndStock1700000000001],
};

export async function startProductService(
  config: ProductServiceConfig,
  options: Pick<KitOptions, "logDestination"> = {},
): Promise<RunningService> {
  const kit = new ServiceKit({
    name: "product-service",
    config,
    schema: productSchema,
    ...options,
  });
  const app = await createHttpApp(AppModule.with(kit), kit);

  const orders = app.get(DecideOrders);
  kit.consume(ORDER_CREATED_QUEUE, ["order.created"], (events) => orders.handle(events));

  const listen = { host: config.HOST, port: config.PORT };
  return runService(app, { listen, parts: kit.parts(), health: kit.health, log: kit.log });
}
