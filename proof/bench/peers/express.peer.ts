import { nodeCommand, type Peer } from "./peer.ts";

export const BARE_EXPRESS = "Express 5 + http-proxy-middleware 4";

export const barePeer: Peer = {
  name: BARE_EXPRESS,
  prepare: async (place) => nodeCommand("bare-express.ts", place),
};
