import { findServerUrl } from "local-stack/launcher/find-shop";

/** Where the parts of the shop are that a command asks. */
export interface Addresses {
  readonly orderDb: string;
  readonly productDb: string;
  readonly rabbitmq: string;
}

/** Of what npm start runs here, or of the URLs in the environment or in `.env`. Each is looked up when it is needed. */
export const foundAddresses: Addresses = {
  get orderDb() {
    return findServerUrl("order-db");
  },
  get productDb() {
    return findServerUrl("product-db");
  },
  get rabbitmq() {
    return findServerUrl("rabbitmq");
  },
};
