// The BFF: a product with its newest orders, which the gateway asks of both services at once.
import { checkBooks } from "./parts/books.js";
import { arrivals, loadOptions } from "./parts/options.js";
import { followUp } from "./parts/orders.js";
import { createProducts, inTurn } from "./parts/products.js";
import { readWithOrders } from "./parts/reads.js";
import { summaryOf } from "./parts/summary.js";
import { currentScenario } from "./parts/requests.js";
import { settings } from "./parts/settings.js";

const ORDERS_EACH = 3;

export const options = loadOptions({ bff: arrivals("bff", settings.rate) });

export const setup = () => createProducts({ ordersEach: ORDERS_EACH });
export const bff = readWithOrders;
export const followed = ({ products }) =>
  followUp(inTurn(products, currentScenario().iterationInTest).id);
export const teardown = checkBooks;
export const handleSummary = summaryOf("bff");
