import { SERVICES as REGISTRY, SERVICE_NAMES, type ServiceName } from "@shop/contracts/services";

export type { ServiceName };
export type UrlsVariable = (typeof REGISTRY)[ServiceName]["urlsVariable"];

/** Every service behind the gateway, with the variable that holds the URLs of its instances. */
export const SERVICES = Object.fromEntries(
  SERVICE_NAMES.map((name) => [name, REGISTRY[name].urlsVariable]),
) as { [Name in ServiceName]: (typeof REGISTRY)[Name]["urlsVariable"] };
