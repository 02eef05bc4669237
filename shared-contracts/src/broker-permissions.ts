import { serviceOf } from "./services.ts";
import { DEAD_EXCHANGE, EVENTS_EXCHANGE, WORK_QUEUES } from "./topology.ts";

/** As RabbitMQ takes them: regular expressions of the resources that a user may configure, write and read. */
export interface BrokerPermissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  /** For each topic exchange: the routing keys that the user may publish, and bind to its queues. */
  readonly topics: readonly {
    readonly exchange: string;
    readonly write: string;
    readonly read: string;
  }[];
}

/**
 * What a service needs on the broker: it publishes its own types, and consumes the queues that have its name in front. It can't publish to a
 * queue directly, since `amq.default` is not among its exchanges, and it puts nothing into the dead-letter exchange: the broker does.
 */
export function brokerPermissions(service: string): BrokerPermissions {
  const { publishes = {}, hints = [] } = serviceOf(service) ?? {};
  const published = Object.keys(publishes);
  const own = WORK_QUEUES.filter(({ consumer }) => consumer === service);
  const consumed = [...own.flatMap(({ types }) => types), ...hints];
  const resources = `${literal(EVENTS_EXCHANGE)}|${literal(DEAD_EXCHANGE)}|${literal(service)}[.].+`;
  // To see how long it is, RabbitMQ 4 wants any right to a queue. This one is the least: it can bind it, to what the service reads.
  const seen = WORK_QUEUES.filter(({ types }) => types.some((type) => published.includes(type)));
  return {
    // Not the exchanges: one that was deleted, or declared again with another type, would stop every service, and has no topics to check.
    configure: `^${literal(service)}[.].+$`,
    write: `^(${[resources, ...seen.map(({ name }) => literal(name))].join("|")})$`,
    read: `^(${resources})$`,
    topics: [
      { exchange: EVENTS_EXCHANGE, write: oneOf(published), read: oneOf(consumed) },
      {
        exchange: DEAD_EXCHANGE,
        write: oneOf([]),
        read: oneOf(own.map(({ deadQueue }) => deadQueue)),
      },
    ],
  };
}

/** A class and no backslash: shells, JSON and YAML leave it as it is. */
const literal = (name: string): string => name.replaceAll(".", "[.]");

/** Of none of them it is `^()$`, which an empty key alone fits. */
const oneOf = (names: readonly string[]): string => `^(${names.map(literal).join("|")})$`;
