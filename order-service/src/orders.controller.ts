import { Body, Controller, Get, Headers, Param, Post, Query, Res } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import {
  IDEMPOTENCY_KEY_HEADER,
  IDEMPOTENCY_REPLAYED_HEADER,
  orderHeaders,
} from "@shop/contracts/headers";
import { orderId, placeOrderBody, type Order, type PlaceOrderBody } from "@shop/contracts/order";
import { pageQuery, type Page, type PageQuery } from "@shop/contracts/page";
import { productIdText } from "@shop/contracts/product";
import { validationFailed } from "@shop/contracts/validation";
import { Database } from "@shop/service-kit/database/database";
import type { FastifyReply } from "fastify";
import { fingerprintOf, type IdempotencyClaim } from "./new-order.ts";
import { OrderLists } from "./order-lists.ts";
import { findOrder } from "./order.sql.ts";
import { PlaceOrder } from "./place-order.ts";

/** Without authentication all callers together own the keys. */
const ANYBODY = "";

@Controller("orders")
export class OrdersController {
  constructor(
    private readonly placeOrder: PlaceOrder,
    private readonly lists: OrderLists,
    private readonly database: Database,
  ) {}

  @Post()
  async place(
    @Headers(IDEMPOTENCY_KEY_HEADER) key: string | undefined,
    @Body({ schema: placeOrderBody }) body: PlaceOrderBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Order> {
    const { order, replayed } = await this.placeOrder.execute(body, claimOf(key, body));
    void reply.header("location", `/orders/${order.id}`);
    if (replayed) void reply.header(IDEMPOTENCY_REPLAYED_HEADER, "true");
    return order;
  }

  @Get("product/:productId")
  list(
    @Param("productId", { schema: productIdText }) productId: number,
    @Query({ schema: pageQuery }) query: PageQuery,
  ): Promise<Page<Order>> {
    return this.lists.read(productId, query);
  }

  @Get(":id")
  async get(@Param("id", { schema: orderId }) id: string): Promise<Order> {
    const order = await findOrder(this.database.sql, id);
    if (!order) throw new ContractError("ORDER_NOT_FOUND", `There is no order ${id}`);
    return order;
  }
}

function claimOf(key: string | undefined, body: PlaceOrderBody): IdempotencyClaim | undefined {
  if (key === undefined) return undefined;
  const headers = orderHeaders.safeParse({ [IDEMPOTENCY_KEY_HEADER]: key });
  if (!headers.success) throw validationFailed(headers.error.issues);
  return { caller: ANYBODY, key, fingerprint: fingerprintOf(body) };
}
