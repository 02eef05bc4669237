import { findShop, shopToken } from "../local-stack/src/launcher/find-shop.ts";
import { say } from "../local-stack/src/terminal/say.ts";

const FIRST_ANSWER_TIMEOUT_MS = 10_000;

const givenUrl = process.argv[3]?.replace(/\/+$/, "");

/** One line instead of a hundred failed requests. */
async function expectWelcome(url: string, token: string | undefined): Promise<void> {
  let answer: Response;
  try {
    answer = await fetch(`${url}/products?limit=1`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(FIRST_ANSWER_TIMEOUT_MS),
    });
  } catch (error) {
    throw new Error(`${url} does not answer. Is npm start running?`, { cause: error });
  }
  await answer.body?.cancel();
  if (answer.status === 401) {
    throw new Error(
      `${url} wants a token. Set SHOP_TOKEN to one with the scopes products:write and orders:write.`,
    );
  }
}

try {
  const url = givenUrl ?? findShop();
  const token = shopToken();
  await expectWelcome(url, token);
  // newman uses a constant that Node would warn of; whoever reads the report can do nothing about it.
  process.noDeprecation = true;
  const { COLLECTION, runCollection } = await import("./run-collection.ts");
  const { problems } = await runCollection({
    collection: COLLECTION,
    url,
    token,
    report: true,
  });
  for (const problem of problems) say(`FAILED  ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
