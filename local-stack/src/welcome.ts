/** What to do first, to be copied as it stands. */
export function firstRequests(urls: Record<string, string>): string[] {
  const json = "-H 'content-type: application/json'";
  const products = urls["gateway"] ?? urls["product-service"];
  const orders = urls["gateway"] ?? urls["order-service"];
  return [
    `curl -X POST ${products}/products ${json} -d '{"name":"Espresso cup","price":9.5,"qty":100}'`,
    `curl -X POST ${orders}/orders ${json} -d '{"productId":1,"qty":2}'`,
    `curl ${orders}/orders/product/1`,
  ];
}
