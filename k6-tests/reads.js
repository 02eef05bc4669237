// Reads through the gateway: products, mostly from the cache, and both lists.
import { checkBooks } from "./parts/books.js";
import { arrivals, loadOptions } from "./parts/options.js";
import { followUp } from "./parts/orders.js";
import { createProducts, inTurn } from "./parts/products.js";
import { readOne } from "./parts/reads.js";
import { summaryOf } from "./parts/summary.js";
import { currentScenario } from "./parts/requests.js";
import { settings } from "./parts/settings.js";

const ORDERS_EACH = 3;

export const options = loadOptions({ reads: arrivals("reads", settings.rate) });

export const setup = () => createProducts({ ordersEach: ORDERS_EACH });
export const reads = readOne;
export const followed = ({ products }) =>
  followUp(inTurn(products, currentScenario().iterationInTest).id);
export const teardown = checkBooks;
export const handleSummary = summaryOf("reads");
