import { SHORT_KEEP_ALIVE, type Sabotage } from "./seams.ts";

/** Ways to break what stands between clients and services. */
export const GATEWAY_SABOTAGE: Record<string, Sabotage> = {
  // Node takes what the standard leaves no room for.
  "lenient-parser": {
    drill: "hostile-requests",
    complaint: /^smuggled, .*: heard |the connection was not closed|that was to be deleted/,
    flags: "--insecure-http-parser",
  },
  "route-to-metrics": {
    drill: "hostile-requests",
    complaint: /^GET \/metrics/,
    changes: {
      "gateway/src/steps/route-table": {
        routesByPath: (original) => () => [
          ...original(),
          ["/metrics", [{ method: "GET", path: "/metrics", answeredBy: "product-service" }]],
        ],
      },
    },
  },
  "any-request-id": {
    drill: "hostile-requests",
    complaint: /^an id /,
    changes: {
      "service-kit/src/log/request-id": {
        acceptRequestId: (original) => (candidate) =>
          typeof candidate === "string" ? candidate : original(candidate),
      },
    },
  },
  // Control characters get to the database.
  "any-name": {
    drill: "hostile-requests",
    complaint: / 5\d\d$|was written/,
    changes: {
      "shared-contracts/src/product": {
        createProductBody: (original, { product }) =>
          original.extend({ name: product.shape.name }).meta({ id: "CreateProduct" }),
        replaceProductBody: (original, { product }) =>
          original.extend({ name: product.shape.name }).meta({ id: "ReplaceProduct" }),
      },
    },
  },
  "any-body": {
    drill: "slow-clients",
    complaint: /a gigabyte|memory grew|^413 was heard/,
    changes: {
      "service-kit/src/http/strict-json": { MAX_BODY_BYTES: () => 1_024 ** 3 },
    },
  },
  // An answer has its place until it is read, and any number of them may wait on a connection.
  "places-until-read": {
    drill: "unread-answers",
    complaint: /of the others' goodput is left/,
    changes: {
      "gateway/src/listener/waiting-bytes": { countUnread: () => () => undefined },
      "gateway/src/listener/slow-clients": {
        waitForTurn:
          (original) =>
          (...answer) => {
            original(...answer);
            return false;
          },
      },
    },
  },
  // A minute instead of five seconds.
  "no-deadline": {
    drill: "hang-a-service",
    complaint: /not in part|no request was refused|Headers Timeout/,
    changes: {
      "gateway/src/upstream/deadline": {
        deadlineFor: (original) => (response) => original(response, 60_000),
      },
    },
  },
  "takes-everything": {
    drill: "overload",
    complaint: /nothing was refused|of the peak is left|neither 201 nor/,
    changes: {
      "gateway/src/steps/load-shedding": {
        shedLoad: (original) => (options) => original({ ...options, most: Infinity }),
        startWork: (original) => (options) => original({ ...options, most: Infinity }),
      },
      "gateway/src/upstream/instances": {
        Upstream: (Original) =>
          class extends Original {
            override get isFull(): boolean {
              return false;
            }
          },
      },
    },
  },
  // The gateway keeps connections longer than the services do.
  "deaf-to-keep-alive": {
    drill: "idle-gaps",
    complaint: /by a broken connection|no answer|GETs were answered|^heard POST \/orders 502 /,
    changes: {
      ...SHORT_KEEP_ALIVE,
      undici: {
        Pool: (Original) =>
          class extends Original {
            constructor(...[origin, options]: ConstructorParameters<typeof Original>) {
              super(origin, { ...options, keepAliveTimeoutThreshold: -60_000 });
            }
          },
      },
    },
  },
};
