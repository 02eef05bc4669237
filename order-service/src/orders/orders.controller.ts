import { Body, Controller, Get, Headers, Param, Post, Query, Res } from "@nestjs/common";
import { knownScopes, SCOPES_HEADER, SUBJECT_HEADER } from "@shop/contracts/access";
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
import { PlaceOrder } from "../place/place-order.ts";
import { OrderLists } from "./order-lists.ts";
import { OrderEntity, toOrder } from "./order.entity.ts";

/** As the gateway sends them; other senders were refused before. */
type CallerHeaders = Readonly<Record<string, string | undefined>>;

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
    const key = idempotencyKeyOf(headers);
    const { order, replayed } = await this.placeOrder.execute({ body, subject, key });
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
    const { readsOf } = callerOf(headers);
    const found = await this.database.withManager((manager) =>
      manager.findOneBy(OrderEntity, readsOf === null ? { id } : { id, subject: readsOf }),
    );
    if (!found) throw new ContractError("ORDER_NOT_FOUND", `There is no order ${id}`);
    return toOrder(found);
  }
}

interface Caller {
  /** `null` where authentication is off. */
  readonly subject: string | null;
  /** The subject whose orders this caller may read; `null`: every order. */
  readonly readsOf: string | null;
}

function callerOf(headers: CallerHeaders): Caller {
  const subject = headers[SUBJECT_HEADER] ?? null;
  const readsAll = knownScopes(headers[SCOPES_HEADER] ?? "").includes("orders:read");
  return { subject, readsOf: readsAll ? null : subject };
}

function idempotencyKeyOf(headers: CallerHeaders): string | undefined {
  const key = headers[IDEMPOTENCY_KEY_HEADER];
  if (key === undefined) return undefined;
  const { success, error } = orderHeaders.safeParse({ [IDEMPOTENCY_KEY_HEADER]: key });
  if (!success) throw validationFailed(error.issues);
  return key;
}
