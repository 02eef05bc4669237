import { check } from "k6";
import { get, send } from "./requests.js";

const REQUEST_ID = "k6-smoke";

function request(method, path, { body, send: headers = {} } = {}) {
  const options = {
    tags: { load: "yes", name: `${method} ${path}` },
    headers: { ...headers, "X-Request-ID": REQUEST_ID },
  };
  return method === "GET" ? get(path, options) : send(method, path, body ?? "", options);
}

const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
};

function verify(what, response, holds) {
  const isRight = check(response, { [what]: holds });
  if (!isRight) console.error(`${what}: got ${response.status} ${response.error} ${response.body}`);
}

const hasMeta = ({ meta }) =>
  meta?.requestId === REQUEST_ID && !Number.isNaN(Date.parse(meta.timestamp));

/** A success in the envelope, whose data is handed back. */
export function expectSuccess(method, path, options = {}) {
  const { status = 200, headers = {}, data = () => true } = options;
  const response = request(method, path, options);
  const body = parsed(response.body);
  verify(`${method} ${path} is ${status}`, response, () => {
    const hasHeaders = Object.entries(headers).every(([name, pattern]) =>
      pattern.test(headerOf(response, name)),
    );
    const isWhole = body.success === true && body.data !== undefined && hasMeta(body);
    return response.status === status && isWhole && hasHeaders && data(body.data);
  });
  return { data: body.data, headers: response.headers };
}

/** A failure in the envelope, with its code. */
export function expectFailure(method, path, options) {
  const response = request(method, path, options);
  const { success, error, ...rest } = parsed(response.body);
  verify(`${method} ${path} is ${options.status} ${options.code}`, response, () => {
    const isWhole = success === false && Array.isArray(error?.details) && hasMeta(rest);
    return response.status === options.status && isWhole && error.code === options.code;
  });
}

/** An answer without a body. */
export function expectPlain(method, path, options) {
  const response = request(method, path, options);
  verify(
    `${method} ${path} is ${options.status} without a body`,
    response,
    () => response.status === options.status && !response.body,
  );
}

/** What is not in the envelope: a document or a page. */
export function expectText(path, part, options) {
  const response = request("GET", path, options);
  verify(
    `GET ${path} has ${part}`,
    response,
    ({ status, body }) => status === 200 && body.replaceAll(/\s/g, "").includes(part),
  );
}

/** k6 writes names its own way: ETag is Etag. */
const headerOf = ({ headers }, name) =>
  Object.entries(headers).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1] ?? "";
