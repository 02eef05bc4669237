import { SHORT_KEEP_ALIVE, type Patch } from "./patches.ts";

export interface Sabotage {
  readonly patches: readonly Patch[];
  /** The drill that must notice. */
  readonly drill: string;
  /** What it must say: on a busy machine a drill may have something else to complain of. */
  readonly complaint: RegExp;
}

/** Ways to break what stands between clients and services. */
export const GATEWAY_SABOTAGE: Record<string, Sabotage> = {
  // Node takes what the standard leaves no room for.
  "lenient-gateway": {
    drill: "smuggle-requests",
    complaint:
      /: heard |the connection was not closed|that was to be deleted|that nobody asked for/,
    patches: [
      {
        file: "gateway/dist/server.js",
        find: "requireHostHeader: false",
        replace: "requireHostHeader: false, insecureHTTPParser: true",
      },
    ],
  },
  "passes-any-subject": {
    drill: "forge-headers",
    complaint: /the key|the event|is in the answer|was answered/,
    patches: [
      {
        file: "gateway/dist/upstream/service-headers.js",
        find: "[TRACEPARENT_HEADER,",
        replace: '["x-subject", TRACEPARENT_HEADER,',
      },
    ],
  },
  "route-to-metrics": {
    drill: "internal-paths",
    complaint: /^GET \/metrics/,
    patches: [
      {
        file: "gateway/dist/steps/route-table.js",
        find: "Map.groupBy(ROUTES,",
        replace:
          'Map.groupBy([...ROUTES, { method: "GET", path: "/metrics", answeredBy: "product-service" }],',
      },
    ],
  },
  "any-request-id": {
    drill: "request-ids",
    complaint: /^an id |in an id|no JSON|was forged/,
    patches: [
      {
        file: "service-kit/dist/log/request-id.js",
        find: "REQUEST_ID_PATTERN.test(candidate)",
        replace: "true",
      },
    ],
  },
  "any-body": {
    drill: "slow-clients",
    complaint: /a gigabyte|memory grew|^413 was heard/,
    patches: [
      {
        file: "service-kit/dist/http/strict-json.js",
        find: "100 * 1024",
        replace: "1024 ** 3",
      },
    ],
  },
  // An answer has its place until it is read, and any number of them may wait on a connection.
  "places-until-read": {
    drill: "unread-answers",
    complaint: /of the others' goodput is left/,
    patches: [
      {
        file: "gateway/dist/listener/waiting-bytes.js",
        find: "this.writableLength > 0",
        replace: "false",
      },
      {
        file: "gateway/dist/listener/slow-clients.js",
        find: "waiting.size > MOST_PIPELINED",
        replace: "false",
      },
    ],
  },
  "no-deadline": {
    drill: "hang-a-service",
    complaint: /not in part|nobody noticed|Headers Timeout/,
    patches: [
      {
        file: "gateway/dist/upstream/deadline.js",
        find: "timedOut()), ms)",
        replace: "timedOut()), 60_000)",
      },
    ],
  },
  "takes-everything": {
    drill: "overload",
    complaint: /nothing was refused|of the peak is left|neither 201 nor/,
    patches: [
      {
        file: "gateway/dist/steps/load-shedding.js",
        find: "inFlight[phase] >= most",
        replace: "false",
      },
      {
        file: "gateway/dist/upstream/instances.js",
        find: "this.inFlight >= this.options.maxInFlight",
        replace: "false",
      },
    ],
  },
  // The gateway keeps connections longer than the services do.
  "deaf-to-keep-alive": {
    drill: "idle-gaps",
    complaint: /by a broken connection|no answer|GETs were answered|^heard POST \/orders 502 /,
    patches: [
      ...SHORT_KEEP_ALIVE,
      {
        file: "gateway/dist/upstream/connections.js",
        find: "keepAliveTimeoutThreshold: BEFORE_SERVICE_MS",
        replace: "keepAliveTimeoutThreshold: -60_000",
      },
    ],
  },
  "any-name": {
    drill: "odd-values",
    complaint: /: \d+$|was written/,
    patches: [
      {
        file: "shared-contracts/dist/product.js",
        find: "!/\\p{Cc}/u.test(name)",
        replace: "true",
      },
    ],
  },
};
