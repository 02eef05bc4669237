import type { EventType } from "./event.ts";

/** What a service is. Launcher, gateway, broker accounts, tests and the check of the compose file follow from it. */
export interface Service {
  /** Its own, locally and in its container. */
  readonly port: number;
  /** The variable that tells its callers the URLs of its instances. */
  readonly urlsVariable: string;
  /** Its PostgreSQL database. */
  readonly database: string;
  /** The keys that it may use in its own Redis. Without this line it has no Redis. */
  readonly redisKeys?: readonly string[];
  /** Each type has a work queue of the service's own, which its instances share. */
  readonly consumes: readonly EventType[];
  /** Types that each instance takes on an exclusive queue, for its memory alone: one that is missed is no loss. */
  readonly hints?: readonly EventType[];
  /** With what each says. */
  readonly publishes: Readonly<Partial<Record<EventType, string>>>;
  /** Of those, the ones that no service consumes yet: the broker drops them. */
  readonly unconsumed?: readonly EventType[];
  /** Other services that it calls over HTTP. */
  readonly calls?: readonly string[];
}

/** Every service behind the gateway, in the order in which they start. `npm run new:service` adds one at the end. */
export const SERVICES = {
  "product-service": {
    port: 3001,
    urlsVariable: "PRODUCT_SERVICE_URLS",
    database: "products",
    redisKeys: ["product:*"],
    consumes: ["order.created"],
    publishes: {
      "product.created": "a client has created a product",
      "product.updated": "a client has replaced a product; a sale alone publishes none",
      "product.deleted": "a client has taken a product off sale",
      "order.updated":
        "an order is decided, and again when `order.created` of a decided order comes a second time",
    },
  },
  "order-service": {
    port: 3002,
    urlsVariable: "ORDER_SERVICE_URLS",
    database: "orders",
    redisKeys: ["product:*", "orders:*"],
    consumes: ["order.updated"],
    hints: ["product.created", "product.updated", "product.deleted"],
    publishes: {
      "order.created": "an order is stored, and again when it stays `pending` too long",
    },
    calls: ["product-service"],
  },
} as const satisfies Record<string, Service>;

export type ServiceName = keyof typeof SERVICES;

export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

/** What its own servers, passwords and networks are named for: `product` of product-service. */
export const shortName = (service: string): string => service.replace(/-service$/, "");

export const serviceOf = (name: string): Service | undefined =>
  (SERVICES as Readonly<Record<string, Service>>)[name];

/** Who publishes a type, and when. */
export function originOf(type: EventType): { from: ServiceName; when: string } {
  for (const from of SERVICE_NAMES) {
    const { publishes }: Service = SERVICES[from];
    const when = publishes[type];
    if (when !== undefined) return { from, when };
  }
  throw new Error(`no service publishes ${type}`);
}
