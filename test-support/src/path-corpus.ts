/** G3: targets that are not a plain path, so that two programs may read them in two ways. */
export const BAD_PATHS: readonly string[] = [
  "/../metrics",
  "/products/../metrics",
  "/products/..%2fmetrics",
  "/products/%2e%2e/metrics",
  "/products/%2E%2E/metrics",
  "/products/.%2e/metrics",
  "/products/./26",
  "/products/%2e/26",
  "//products/26",
  "/products//26",
  "/products/26//",
  "/products\\26",
  "/products/%5c..%5cmetrics",
  "/products%2f26",
  "/products%2F26",
  "/products/26%00",
  "/products/%00",
  "/products/26#top",
  "/products/%zz",
  "/products/%",
  "/products/26%f",
  "/api/v1/../metrics",
];

/** Plain ones that are no route of the gateway's. */
export const NO_ROUTES: readonly string[] = [
  "/metrics",
  "/health/live",
  "/health/ready",
  "/api/v1/metrics",
  "/api/v2/products/26",
  "/api/v1",
  "/",
  "/products/",
  "/products/26/",
  "/products/26/x",
  "/Products/26",
  "/orders/product/1/2",
  "/product-service/products/26",
  "/admin",
  "/__proto__",
  "/constructor",
  "/products;x=1",
  "/%70roducts/26/%2561",
];

/** What services answer to those who look after them, and to nobody else. */
const INTERNAL = ["metrics", "health/live", "health/ready"];

/** Ways in which somebody might hope to get one of these through. */
const DISGUISES: readonly ((route: string) => string)[] = [
  (route) => `/${route}`,
  (route) => `/${route}/`,
  (route) => `/${route}?x=1`,
  (route) => `/${route}%00`,
  (route) => `/${route}%3f`,
  (route) => `/${route};x=1`,
  (route) => `/${route.toUpperCase()}`,
  (route) => `//${route}`,
  (route) => `/./${route}`,
  (route) => `/%2e/${route}`,
  (route) => `\\${route}`,
  (route) => `/${escaped(route)}`,
  (route) => `/${escaped(escaped(route))}`,
  (route) => `/${route.replaceAll("/", "%2f")}`,
  (route) => `/${route.replaceAll("/", "//")}`,
  (route) => `/products/../${route}`,
  (route) => `/products/%2e%2e/${route}`,
  (route) => `/products/%252e%252e/${route}`,
  (route) => `/products/..%2f${route}`,
  (route) => `/products/..%5c${route}`,
  (route) => `/products/..\\${route}`,
  (route) => `/products/..;/${route}`,
  (route) => `/products/1/../../${route}`,
  (route) => `/products/1%2f..%2f..%2f${route}`,
  (route) => `/orders/product/../../${route}`,
  (route) => `/orders/%2e%2e%2f${route}`,
  (route) => `/orders/%c0%ae%c0%ae/${route}`,
  (route) => `/docs/../${route}`,
  (route) => `/docs/..%2f${route}`,
  (route) => `/health/../${route}`,
  (route) => `/product-service/${route}`,
  (route) => `/order-service/${route}`,
];

const escaped = (text: string): string =>
  Array.from(text, (one) =>
    one === "/" ? one : `%${one.charCodeAt(0).toString(16).padStart(2, "0")}`,
  ).join("");

/** All of them, under both prefixes and as a proxy would be asked. `services`: where these answer. */
export function internalTargets(services: readonly string[]): string[] {
  const whole = services.flatMap((url) => INTERNAL.map((route) => `${url}/${route}`));
  const disguised = INTERNAL.flatMap((route) => DISGUISES.map((disguise) => disguise(route)));
  return [...whole, ...disguised, ...disguised.map((path) => `/api/v1${path}`)];
}
