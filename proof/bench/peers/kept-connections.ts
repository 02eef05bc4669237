/** To the upstream, for each peer as for our gateway. */
export const KEPT_CONNECTIONS = 256;
