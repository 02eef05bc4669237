const ANSWER_TIMEOUT_MS = 10_000;
const PAGE_SIZE = 100;

export interface MockProduct {
  name: string;
  price: number;
  qty: number;
}

/** The gateway wraps what the services answer. */
function withoutEnvelope(body: unknown): unknown {
  return typeof body === "object" && body !== null && "data" in body ? body.data : body;
}

async function ask(url: string, init: RequestInit = {}): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch (error) {
    throw new Error(`${url} does not answer. Is npm start running?`, { cause: error });
  }
  const body = await answer.text();
  if (answer.status === 401 || answer.status === 403) {
    throw new Error(
      `${url} wants a token with the scope products:write. Set SHOP_TOKEN to one and try again.`,
    );
  }
  if (!answer.ok)
    throw new Error(`${init.method ?? "GET"} ${url} answered ${answer.status}: ${body}`);
  return withoutEnvelope(JSON.parse(body));
}

async function namesOfAll({
  url,
  headers,
}: {
  url: string;
  headers: Record<string, string>;
}): Promise<Set<string>> {
  const names = new Set<string>();
  let cursor: string | null = null;
  do {
    const from: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = (await ask(`${url}/products?limit=${PAGE_SIZE}${from}`, { headers })) as {
      items: { name: string }[];
      nextCursor: string | null;
    };
    for (const { name } of page.items) names.add(name);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return names;
}

/** Creates those whose name is not there yet: a second time it changes nothing. */
export async function seedProducts(
  url: string,
  products: readonly MockProduct[],
  token?: string,
): Promise<{ created: number; there: number }> {
  const headers: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  const names = await namesOfAll({ url, headers });
  const missing = products.filter(({ name }) => !names.has(name));
  for (const product of missing) {
    await ask(`${url}/products`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(product),
    });
  }
  return { created: missing.length, there: products.length - missing.length };
}
