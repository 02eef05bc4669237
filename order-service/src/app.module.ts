import { Module, type DynamicModule } from "@nestjs/common";
import { KitModule } from "@shop/service-kit/kit.module";
import type { ServiceKit } from "@shop/service-kit/service-kit";
import { CommitOrders } from "./place/commit-orders.ts";
import { OrderLists } from "./orders/order-lists.ts";
import { OrdersController } from "./orders/orders.controller.ts";
import { PlaceOrder } from "./place/place-order.ts";
import { ProductClient } from "./products/product-client.ts";
import { ProductDirectory } from "./products/product-directory.ts";
import { ApplyOutcomes } from "./apply/apply-outcomes.ts";
import { ORDER_SETTINGS, type OrderSettings } from "./settings.ts";
import { RepublishOrders } from "./reconcile/republish-orders.ts";

@Module({
  controllers: [OrdersController],
  providers: [
    PlaceOrder,
    ProductDirectory,
    ProductClient,
    CommitOrders,
    OrderLists,
    ApplyOutcomes,
    RepublishOrders,
  ],
})
export class AppModule {
  static with(kit: ServiceKit, settings: OrderSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [KitModule.with(kit)],
      providers: [{ provide: ORDER_SETTINGS, useValue: settings }],
    };
  }
}
