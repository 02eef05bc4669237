import { Module, type DynamicModule } from "@nestjs/common";
import { KitModule } from "@shop/service-kit/kit.module";
import type { ServiceKit } from "@shop/service-kit/service-kit";
import { ProductCache } from "./product-cache.ts";
import { ProductReads } from "./product-reads.ts";
import { ProductWrites } from "./product-writes.ts";
import { ProductsController } from "./products.controller.ts";
import { SettleOrders } from "./settle-orders.ts";

@Module({
  controllers: [ProductsController],
  providers: [ProductCache, ProductReads, ProductWrites, SettleOrders],
})
export class AppModule {
  static with(kit: ServiceKit): DynamicModule {
    return { module: AppModule, imports: [KitModule.with(kit)] };
  }
}
