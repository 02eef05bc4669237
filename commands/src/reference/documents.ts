import { configurationReference, ENV_EXAMPLES } from "./configuration-reference.ts";
import { eventReference } from "./event-reference.ts";

/** Every document that is generated, by its path in the checkout. */
export const DOCUMENTS: Readonly<Record<string, () => string>> = {
  "docs/configuration.md": configurationReference,
  "docs/events.md": eventReference,
  ...ENV_EXAMPLES,
};
