import { Module, type DynamicModule } from "@nestjs/common";
import { KitModule } from "@shop/service-kit/kit.module";
import type { ServiceKit } from "@shop/service-kit/service-kit";
import { CommitOrders } from "./commit-orders.ts";
import { OrderLists } from "./order-lists.ts";
import { OrdersController } from "./orders.controller.ts";
import { PlaceOrder } from "./place-order.ts";
import { ProductClient } from "./product-client.ts";
import { ProductDirectory } from "./product-directory.ts";
import { SettleStatuses } from "./settle-statuses.ts";
import { ORDER_SETTINGS, type OrderSettings } from "./settings.ts";
import { TellAgain } from "./tell-again.ts";

@Module({
  controllers: [OrdersController],
  providers: [
    PlaceOrder,
    ProductDirectory,
    ProductClient,
    CommitOrders,
    OrderLists,
    SettleStatuses,
    TellAgain,
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
