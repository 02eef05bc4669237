export const PRODUCT_ID = 26;
const LIST_LENGTH = 20;
const AT = "2026-01-01T10:00:00.000Z";

export const PRODUCT = JSON.stringify({
  id: PRODUCT_ID,
  name: "Laptop Pro",
  price: 1_999.99,
  qty: 25,
  version: 3,
  createdAt: AT,
  updatedAt: AT,
});

const orderOf = (index: number) => ({
  id: `019b7900-0000-7000-8000-${String(index).padStart(12, "0")}`,
  productId: PRODUCT_ID,
  qty: 2,
  unitPrice: 1_999.99,
  totalPrice: 3_999.98,
  status: "done",
  reason: null,
  createdAt: AT,
  updatedAt: AT,
});

export const ORDERS = JSON.stringify({
  items: Array.from({ length: LIST_LENGTH }, (_, index) => orderOf(index)),
  nextCursor: null,
});
