import { Module, type DynamicModule } from "@nestjs/common";
import { KitModule } from "@shop/service-kit/kit.module";
import type { ServiceKit } from "@shop/service-kit/service-kit";
import { ProductCache } from "./products/product-cache.ts";
import { ProductReads } from "./products/product-reads.ts";
import { ProductWrites } from "./products/product-writes.ts";
import { ProductsController } from "./products/products.controller.ts";
import { DecideOrders } from "./decide/decide-orders.ts";

@Module({
  controllers: [ProductsController],
  providers: [ProductCache, ProductReads, ProductWrites, DecideOrders],
})
export class AppModule {
  static with(kit: ServiceKit): DynamicModule {
    return { module: AppModule, imports: [KitModule.with(kit)] };
  }
}
