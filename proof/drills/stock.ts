import { call } from "./clients.ts";

const PRODUCTS = { plenty: 9, stock: 1_000_000, scarce: 300 };

/** The first is stock that runs out. */
export async function createProducts(gateway: string): Promise<number[]> {
  const stocks = [
    PRODUCTS.scarce,
    ...Array.from({ length: PRODUCTS.plenty }, () => PRODUCTS.stock),
  ];
  const ids: number[] = [];
  for (const qty of stocks) {
    const { status, body } = await call(`${gateway}/products`, {
      body: { name: "Cup", price: 10, qty },
    });
    if (status !== 201) throw new Error(`a product could not be created: ${status}`);
    ids.push(body.data.id);
  }
  return ids;
}
