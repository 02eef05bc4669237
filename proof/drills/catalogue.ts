import { brokerRestartsDrill } from "./catalogue/broker-restarts.ts";
import { cutConnectionsDrill } from "./catalogue/cut-connections.ts";
import { dieInBetweenDrill } from "./catalogue/die-in-between.ts";
import { duplicatesDrill } from "./catalogue/duplicates.ts";
import { flushRedisDrill } from "./catalogue/flush-redis.ts";
import { hangingServiceDrills } from "./catalogue/hang-a-service.ts";
import { hostileRequestsDrill } from "./catalogue/hostile-requests.ts";
import { idleGapsDrill } from "./catalogue/idle-gaps.ts";
import { killDrills } from "./catalogue/kill-a-program.ts";
import { lockedRowDrill } from "./catalogue/locked-row.ts";
import { loseAQueueDrill } from "./catalogue/lose-a-queue.ts";
import { overloadDrill } from "./catalogue/overload.ts";
import { oversellDrill } from "./catalogue/oversell.ts";
import { poisonDrill } from "./catalogue/poison.ts";
import { rabbitmqAwayDrills } from "./catalogue/rabbitmq-away.ts";
import { redisAwayDrills } from "./catalogue/redis-away.ts";
import { replicaDrills } from "./catalogue/replicas.ts";
import { restoreProductDbDrill } from "./catalogue/restore-product-db.ts";
import { sameKeyDrill } from "./catalogue/same-key.ts";
import { slowClientsDrill } from "./catalogue/slow-clients.ts";
import { staleSetDrill } from "./catalogue/stale-set.ts";
import { stopDatabaseDrills } from "./catalogue/stop-a-database.ts";
import { unreadAnswersDrill } from "./catalogue/unread-answers.ts";
import type { Drill } from "./drill.ts";

/** All there is; those that need the same system run one after the other. */
export const CATALOGUE: readonly Drill[] = [
  ...killDrills,
  dieInBetweenDrill,
  ...rabbitmqAwayDrills,
  brokerRestartsDrill,
  loseAQueueDrill,
  ...stopDatabaseDrills,
  restoreProductDbDrill,
  cutConnectionsDrill,
  lockedRowDrill,
  ...redisAwayDrills,
  flushRedisDrill,
  staleSetDrill,
  duplicatesDrill,
  poisonDrill,
  oversellDrill,
  sameKeyDrill,
  ...replicaDrills,
  hostileRequestsDrill,
  slowClientsDrill,
  unreadAnswersDrill,
  ...hangingServiceDrills,
  overloadDrill,
  idleGapsDrill,
];

/** What a change must pass: a few minutes in all. */
export const SHORT_SELECTION: readonly string[] = [
  "kill-order-service",
  "kill-product-service",
  "kill-gateway",
  "kill-rabbitmq",
  "stop-order-db",
  "stop-product-db",
  "kill-redis",
  "triple-and-shuffle",
  "oversell",
  "same-key",
];
