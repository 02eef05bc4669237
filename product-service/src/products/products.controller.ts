import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Res,
} from "@nestjs/common";
import { etagOf, JSON_TYPE, namesVersion, NO_CACHE } from "@shop/contracts/headers";
import { pageQuery, type Page, type PageQuery } from "@shop/contracts/page";
import {
  createProductBody,
  productIdText,
  replaceProductBody,
  type CreateProductBody,
  type Product,
  type ReplaceProductBody,
} from "@shop/contracts/product";
import type { FastifyReply } from "fastify";
import { ProductReads } from "./product-reads.ts";
import { ProductWrites } from "./product-writes.ts";

@Controller("products")
export class ProductsController {
  constructor(
    private readonly reads: ProductReads,
    private readonly writes: ProductWrites,
  ) {}

  @Post()
  async create(
    @Body({ schema: createProductBody }) body: CreateProductBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Product> {
    const product = await this.writes.create(body);
    void reply
      .header("location", `/products/${product.id}`)
      .header("etag", etagOf(product.version));
    return product;
  }

  @Get()
  list(@Query({ schema: pageQuery }) query: PageQuery): Promise<Page<Product>> {
    return this.reads.list(query);
  }

  @Get(":id")
  async get(
    @Param("id", { schema: productIdText }) id: number,
    @Headers("if-none-match") ifNoneMatch: string | undefined,
    @Headers("cache-control") cacheControl: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { version, text } = await (cacheControl === NO_CACHE
      ? this.reads.getFresh(id)
      : this.reads.get(id));
    void reply.header("etag", etagOf(version));
    if (ifNoneMatch !== undefined && namesVersion(ifNoneMatch, version)) {
      await reply.status(304).send();
    } else {
      await reply.type(JSON_TYPE).send(text);
    }
  }

  @Put(":id")
  async replace(
    @Param("id", { schema: productIdText }) id: number,
    @Body({ schema: replaceProductBody }) body: ReplaceProductBody,
    @Headers("if-match") ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Product> {
    const product = await this.writes.replace(id, body, ifMatch);
    void reply.header("etag", etagOf(product.version));
    return product;
  }

  @Delete(":id")
  @HttpCode(204)
  remove(@Param("id", { schema: productIdText }) id: number): Promise<void> {
    return this.writes.remove(id);
  }
}
