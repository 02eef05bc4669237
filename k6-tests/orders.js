// Orders through the gateway: up to RATE a second within RAMP, and steady there for DURATION.
import { checkBooks } from "./parts/books.js";
import { arrivals, loadOptions } from "./parts/options.js";
import { followUp, placeOrder } from "./parts/orders.js";
import { createProducts, inTurn } from "./parts/products.js";
import { summaryOf } from "./parts/summary.js";
import { currentScenario, loadTags } from "./parts/requests.js";
import { settings } from "./parts/settings.js";

export const options = loadOptions({ orders: arrivals("orders", settings.rate) });

export const setup = () => createProducts();

export function orders({ products }) {
  const turn = currentScenario().iterationInTest;
  placeOrder(inTurn(products, turn).id, turn, {
    tags: loadTags("POST /orders"),
    responseType: "none",
  });
}

export const followed = ({ products }) =>
  followUp(inTurn(products, currentScenario().iterationInTest).id);

export const teardown = checkBooks;
export const handleSummary = summaryOf("orders");
