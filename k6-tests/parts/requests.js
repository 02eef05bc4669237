import exec from "k6/execution";
import http from "k6/http";
import { settings, token } from "./settings.js";

// Longer than any deadline of the gateway's: what has no answer by then is lost on the way.
const TIMEOUT = "10s";

const url = (path) => `${settings.baseUrl}${path}`;

// Made once, and not for each request: k6's own CPU is taken from what it measures, when both are on one machine.
const HEADERS = token ? { Authorization: `Bearer ${token}` } : {};
const JSON_HEADERS = { ...HEADERS, "Content-Type": "application/json" };

const params = ({ tags, headers, responseType = "text" }, common) => ({
  tags,
  headers: headers ? { ...common, ...headers } : common,
  responseType,
  timeout: TIMEOUT,
});

export const get = (path, options) => http.get(url(path), params(options, HEADERS));

export const send = (method, path, body, options) =>
  http.request(
    method,
    url(path),
    typeof body === "string" ? body : JSON.stringify(body),
    params(options, JSON_HEADERS),
  );

let scenario;

/** The scenario of this worker, whose getters are always of the current iteration. */
export const currentScenario = () => (scenario ??= exec.scenario);

const tagged = {};

/** A request of the load itself is found by these among all others: made once for each route. */
export const loadTags = (name) => (tagged[name] ??= { load: "yes", name });

/** The data of an answer that has to be a success; anything else ends the run with what was answered. */
export function dataOf(response) {
  const body = response.body === null ? undefined : JSON.parse(response.body);
  if (response.status >= 200 && response.status < 300) return body.data;
  throw new Error(
    `${response.request.method} ${response.url} answered ${response.status} ${response.error} ${response.body}`,
  );
}
