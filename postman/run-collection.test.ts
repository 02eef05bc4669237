import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { runCollection } from "./run-collection.ts";

/** Answers 200 with the request's authorization, or what there is instead. */
async function startShop(): Promise<string> {
  const server = createServer((request, response) => {
    response.end(JSON.stringify({ authorization: request.headers.authorization ?? null }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const request = (name: string, ...exec: string[]) => ({
  name,
  event: [{ listen: "test", script: { type: "text/javascript", exec } }],
  request: { method: "GET", url: "{{baseUrl}}/" },
});

const collectionOf = (...item: object[]) => ({
  info: {
    name: "Test",
    schema: "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
  },
  item,
});

const passing = request("good", `pm.test("is 200", () => pm.response.to.have.status(200));`);

test("finds no problem when all tests pass", async () => {
  const url = await startShop();
  const outcome = await runCollection({ collection: collectionOf(passing), url, report: false });
  expect(outcome).toEqual({ requests: 1, assertions: 1, problems: [] });
});

test.each([
  [
    "a test fails",
    [request("bad", `pm.test("is 201", () => pm.response.to.have.status(201));`)],
    [/^bad: is 201 expected response to have status code 201/],
  ],
  ["a script throws", [passing, request("broken", "nothing();")], [/^broken: .*nothing/]],
  ["no test ran", [request("idle", "")], [/^No test ran\.$/]],
  [
    "a request is skipped",
    [request("lost", `pm.test("ok", () => {}); pm.execution.setNextRequest("nowhere");`), passing],
    [/^good: was never sent$/],
  ],
])("finds a problem when %s", async (_, items, problems) => {
  const url = await startShop();
  const outcome = await runCollection({ collection: collectionOf(...items), url, report: false });
  expect(outcome.problems).toEqual(problems.map((problem) => expect.stringMatching(problem)));
});

test("finds a problem with every request when nothing answers", async () => {
  const url = "http://127.0.0.1:1";
  const { problems } = await runCollection({
    collection: collectionOf(passing),
    url,
    report: false,
  });
  expect(problems).toContainEqual(expect.stringContaining("ECONNREFUSED"));
});
