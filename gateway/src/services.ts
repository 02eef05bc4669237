/** Every service behind the gateway, with the variable that holds the URLs of its instances. */
export const SERVICES = {
  "product-service": "PRODUCT_SERVICE_URLS",
  "order-service": "ORDER_SERVICE_URLS",
} as const;

export type ServiceName = keyof typeof SERVICES;
export type UrlsVariable = (typeof SERVICES)[ServiceName];
