/** What a part of the shop has told, or why it could not be asked. */
export type Asked<T> = { readonly told: T } | { readonly unasked: string };

export async function ask<T>(question: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { told: await question() };
  } catch (error) {
    return { unasked: inWords(error) };
  }
}

export const toldBy = <T>(asked: Asked<T>): T | undefined =>
  "told" in asked ? asked.told : undefined;

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "there is no such host",
  ECONNRESET: "it has cut the connection",
  ETIMEDOUT: "it does not answer",
  "28P01": "it does not take this password",
  "3D000": "there is no such database",
  "42P01": "its tables are missing: has its service ever been started?",
  "57014": "it took too long to answer",
};

/** Of several addresses of one host each has its own error, and the whole has no message. */
function inWords(error: unknown): string {
  const { code, message, errors } = error as Error & { code?: unknown; errors?: readonly Error[] };
  const known = typeof code === "string" ? WORDS[code] : undefined;
  return known ?? (message || errors?.[0]?.message || String(code)).replace(/\.$/, "");
}
