import { Module, type DynamicModule } from "@nestjs/common";
import { KitModule, type KitOptions } from "@shop/service-kit/kit.module";
import { ApplyOutcomes } from "./apply/apply-outcomes.ts";
import { CONFIG, type OrderServiceConfig } from "./config.ts";
import { IdempotencyKeyEntity } from "./place/idempotency-key.entity.ts";
import { Orders1700000000001 } from "./migrations/1700000000001-orders.ts";
import { OrderSubjects1700000000002 } from "./migrations/1700000000002-order-subjects.ts";
import { OrderEntity } from "./orders/order.entity.ts";
import { OrderLists } from "./orders/order-lists.ts";
import { OrdersController } from "./orders/orders.controller.ts";
import { CommitOrders } from "./place/commit-orders.ts";
import { PlaceOrder } from "./place/place-order.ts";
import { ProductClient } from "./products/product-client.ts";
import { ProductDirectory } from "./products/product-directory.ts";
import { PruneKeys } from "./place/prune-keys.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { RepublishOrders } from "./reconcile/republish-orders.ts";

export const orderSchema = {
  entities: [OrderEntity, IdempotencyKeyEntity],
  migrations: [Orders1700000000001, OrderSubjects1700000000002],
};

@Module({
  controllers: [OrdersController],
  providers: [
    PlaceOrder,
    CommitOrders,
    PruneKeys,
    ProductDirectory,
    ProductClient,
    OrderLists,
    ApplyOutcomes,
    Reconciler,
    RepublishOrders,
  ],
})
export class AppModule {
  static forRoot(
    config: OrderServiceConfig,
    options: Pick<KitOptions, "logDestination"> = {},
  ): DynamicModule {
    return {
      module: AppModule,
      imports: [
        KitModule.forRoot({ name: "order-service", config, schema: orderSchema, ...options }),
      ],
      providers: [{ provide: CONFIG, useValue: config }],
    };
  }
}
