import { WORK_QUEUES } from "@shop/contracts/topology";
import { BrokerSession } from "./broker-session.ts";
import { declareExchanges, declareQueue } from "./declare-topology.ts";

/** All of it, as all services together declare it. */
export async function declareTopology(session: BrokerSession): Promise<void> {
  await declareExchanges(session);
  for (const queue of WORK_QUEUES) await declareQueue(session, queue);
}

/** For what stands beside the services, as a test of one of them does: the queues of the others are there too. */
export async function declareEverything(url: string): Promise<void> {
  const session = await BrokerSession.open(url, "a test", new AbortController().signal);
  await declareTopology(session);
  await session.close();
}
