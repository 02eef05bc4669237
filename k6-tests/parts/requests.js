import exec from "k6/execution";
import http from "k6/http";
import { settings, token } from "./settings.js";

// Longer than any deadline of the gateway's: what has no answer by then is lost on the way.
const TIMEOUT = "10s";
/** A point of the picture for every so many seconds. */
export const POINT_SECONDS = 2;

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

let tagged = { at: -1, byName: {} };

/** What a request of the load itself is found by among all others: its kind, its route, and when it was sent. */
export function loadTags(name) {
  const elapsedSeconds = (Date.now() - currentScenario().startTime) / 1000;
  const at = Math.floor(elapsedSeconds / POINT_SECONDS) * POINT_SECONDS;
  if (tagged.at !== at) tagged = { at, byName: {} };
  return (tagged.byName[name] ??= { load: "yes", name, at: `${at}` });
}

/** The data of an answer that has to be a success; anything else ends the run with what was answered. */
export function dataOf(response) {
  const body = response.body === null ? undefined : JSON.parse(response.body);
  if (response.status >= 200 && response.status < 300) return body.data;
  throw new Error(
    `${response.request.method} ${response.url} answered ${response.status} ${response.error} ${response.body}`,
  );
}
