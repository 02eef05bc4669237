import { clients } from "@shop/test-support/http";

/** As many as come at once in any drill, so that it is the shop that they wait for and not each other. */
const CONNECTIONS = 1_000;

/** The drills' own clients; tests have fewer. */
export const call = clients(CONNECTIONS);
