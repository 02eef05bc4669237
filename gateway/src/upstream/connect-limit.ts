import type { Agent } from "node:http";
import type { Socket } from "node:net";

/** A host that answers nothing at all is left for another instance, long before the request's own time is up. */
export const CONNECT_LIMIT_MS = 1_000;

export const CONNECT_TIMEOUT = "CONNECT_TIMEOUT";

/** Gives up connections that do not come about; the system itself tries for minutes. */
export function limitConnecting<A extends Agent>(agent: A, secure: boolean): A {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (...given) => {
    const socket = connect(...given) as Socket | undefined;
    if (socket) giveUpLate(socket, secure ? "secureConnect" : "connect");
    return socket;
  };
  return agent;
}

function giveUpLate(socket: Socket, whenConnected: string): void {
  let late: NodeJS.Immediate | undefined;
  const giveUp = (): void => {
    socket.destroy(Object.assign(new Error("connecting took too long"), { code: CONNECT_TIMEOUT }));
  };
  // After a pause of this very process the connection may be there, and only not be noticed yet: that comes before.
  const timer = setTimeout(() => (late = setImmediate(giveUp)), CONNECT_LIMIT_MS);
  const stop = (): void => {
    clearTimeout(timer);
    clearImmediate(late);
  };
  socket.once(whenConnected, stop).once("close", stop);
}
