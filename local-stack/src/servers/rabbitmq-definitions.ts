import {
  brokerPermissions,
  type BrokerPermissions,
} from "../../../shared-contracts/src/broker-permissions.ts";
import { DEAD_EXCHANGE, EVENTS_EXCHANGE } from "../../../shared-contracts/src/topology.ts";
import { OPERATOR, type PasswordOf } from "./accounts.ts";

const EVERYTHING: BrokerPermissions = { configure: ".*", write: ".*", read: ".*", topics: [] };

/** What RabbitMQ reads when it starts: its users, and what each may do. An account that is there gets the password that stands here. */
export function rabbitmqDefinitions(
  { services, vhosts }: { services: readonly string[]; vhosts: readonly string[] },
  passwordOf: PasswordOf,
): object {
  const users = [
    { name: OPERATOR, tags: ["administrator"], permissions: EVERYTHING },
    ...services.map((name) => ({ name, tags: [], permissions: brokerPermissions(name) })),
  ];
  const inEach = <T extends object>(rowsOf: (user: (typeof users)[number]) => readonly T[]) =>
    vhosts.flatMap((vhost) =>
      users.flatMap((user) =>
        rowsOf(user).map((row) => Object.assign({ user: user.name, vhost }, row)),
      ),
    );
  return {
    users: users.map(({ name, tags }) => ({ name, password: passwordOf(name), tags })),
    vhosts: vhosts.map((name) => ({ name })),
    permissions: inEach(({ permissions: { configure, write, read } }) => [
      { configure, write, read },
    ]),
    // RabbitMQ 4.3 takes topic permissions for exchanges that are there only.
    exchanges: vhosts.flatMap((vhost) =>
      [EVENTS_EXCHANGE, DEAD_EXCHANGE].map((name) => ({
        name,
        vhost,
        type: "topic",
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: {},
      })),
    ),
    topic_permissions: inEach(({ permissions }) => permissions.topics),
  };
}
