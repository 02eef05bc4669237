import exec from "k6/execution";
import http from "k6/http";
import { settings, token } from "./settings.js";

// Longer than any deadline of the gateway's: what has no answer by then is lost on the way.
const TIMEOUT = "10s";
/** A point of the picture for every so many seconds. */
export const POINT_SECONDS = 2;

const url = (path) => `${settings.baseUrl}${path}`;

function params({ tags, headers = {}, responseType = "text" }) {
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  return { tags, headers: { ...authorization, ...headers }, responseType, timeout: TIMEOUT };
}

export const get = (path, options) => http.get(url(path), params(options));

export const send = (method, path, body, options) =>
  http.request(
    method,
    url(path),
    typeof body === "string" ? body : JSON.stringify(body),
    params({ ...options, headers: { "Content-Type": "application/json", ...options.headers } }),
  );

/** What a request of the load itself is found by among all others: its kind, its route, and when it was sent. */
export function loadTags(name) {
  const elapsedSeconds = (Date.now() - exec.scenario.startTime) / 1000;
  const at = Math.floor(elapsedSeconds / POINT_SECONDS) * POINT_SECONDS;
  return { load: "yes", name, at: `${at}` };
}

/** The data of an answer that has to be a success; anything else ends the run with what was answered. */
export function dataOf(response) {
  const body = response.body === null ? undefined : JSON.parse(response.body);
  if (response.status >= 200 && response.status < 300) return body.data;
  throw new Error(
    `${response.request.method} ${response.url} answered ${response.status} ${response.error} ${response.body}`,
  );
}
