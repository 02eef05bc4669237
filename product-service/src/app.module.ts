import { Module, type DynamicModule } from "@nestjs/common";
import { KitModule, type KitOptions } from "@shop/service-kit/kit.module";
import type { ProductServiceConfig } from "./config.ts";
import { DecideOrders } from "./decide/decide-orders.ts";
import { StockAdjustmentEntity, StockMovementEntity } from "./decide/stock.entity.ts";
import { ProductsAndStock1700000000001 } from "./migrations/1700000000001-products-and-stock.ts";
import { ProductCache } from "./products/product-cache.ts";
import { ProductEntity } from "./products/product.entity.ts";
import { ProductReads } from "./products/product-reads.ts";
import { ProductWrites } from "./products/product-writes.ts";
import { ProductsController } from "./products/products.controller.ts";

export const productSchema = {
  entities: [ProductEntity, StockMovementEntity, StockAdjustmentEntity],
  migrations: [ProductsAndStock1700000000001],
};

@Module({
  controllers: [ProductsController],
  providers: [ProductCache, ProductReads, ProductWrites, DecideOrders],
})
export class AppModule {
  static forRoot(
    config: ProductServiceConfig,
    options: Pick<KitOptions, "logDestination"> = {},
  ): DynamicModule {
    return {
      module: AppModule,
      imports: [
        KitModule.forRoot({ name: "product-service", config, schema: productSchema, ...options }),
      ],
    };
  }
}
