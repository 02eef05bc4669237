import { Body, Controller, Get, Headers, Param, Post, Query, Res } from "@nestjs/common";
import { ContractError } from "@shop/contracts/errors";
import {
  IDEMPOTENCY_KEY_HEADER,
  IDEMPOTENCY_REPLAYED_HEADER,
  JSON_TYPE,
  orderHeaders,
} from "@shop/contracts/headers";
import { orderId, placeOrderBody, type Order, type PlaceOrderBody } from "@shop/contracts/order";
import { pageQuery, type PageQuery } from "@shop/contracts/page";
import { productIdText } from "@shop/contracts/product";
import { validationFailed } from "@shop/contracts/validation";
import { Database } from "@shop/service-kit/database/database";
import type { FastifyReply } from "fastify";
import { ANYBODY, callerOf, type CallerHeaders } from "./caller.ts";
import { fingerprintOf, type IdempotencyClaim } from "../place/new-order.ts";
import { OrderLists } from "./order-lists.ts";
import { findOrder } from "./order.sql.ts";
import { PlaceOrder } from "../place/place-order.ts";

@Controller("orders")
export class OrdersController {
  constructor(
    private readonly placeOrder: PlaceOrder,
    private readonly lists: OrderLists,
    private readonly database: Database,
  ) {}

  @Post()
  async place(
    @Headers() headers: CallerHeaders,
    @Body({ schema: placeOrderBody }) body: PlaceOrderBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Order> {
    const { subject } = callerOf(headers);
    const claim = claimOf(subject, headers[IDEMPOTENCY_KEY_HEADER], body);
    const { order, replayed } = await this.placeOrder.execute({ body, subject, claim });
    void reply.header("location", `/orders/${order.id}`);
    if (replayed) void reply.header(IDEMPOTENCY_REPLAYED_HEADER, "true");
    return order;
  }

  @Get("product/:productId")
  async list(
    @Param("productId", { schema: productIdText }) productId: number,
    @Query({ schema: pageQuery }) query: PageQuery,
    @Headers() headers: CallerHeaders,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { readsOf } = callerOf(headers);
    const text = await (readsOf === null
      ? this.lists.read(productId, query)
      : this.lists.readOf(readsOf, productId, query));
    await reply.type(JSON_TYPE).send(text);
  }

  @Get(":id")
  async get(
    @Param("id", { schema: orderId }) id: string,
    @Headers() headers: CallerHeaders,
  ): Promise<Order> {
    const order = await findOrder(this.database.sql, id, callerOf(headers).readsOf);
    if (!order) throw new ContractError("ORDER_NOT_FOUND", `There is no order ${id}`);
    return order;
  }
}

function claimOf(
  subject: string | null,
  key: string | undefined,
  body: PlaceOrderBody,
): IdempotencyClaim | undefined {
  if (key === undefined) return undefined;
  const headers = orderHeaders.safeParse({ [IDEMPOTENCY_KEY_HEADER]: key });
  if (!headers.success) throw validationFailed(headers.error.issues);
  return { caller: subject ?? ANYBODY, key, fingerprint: fingerprintOf(body) };
}
