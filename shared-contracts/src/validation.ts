import { ContractError, type ErrorDetail } from "./errors.ts";

/** The part of a Standard Schema issue that is read here; zod's issues carry `code` and `keys` as well. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly code?: string;
  readonly keys?: readonly string[];
}

/** A body can hold 100 kB of unknown keys: what is answered stays small. */
const MAX_DETAILS = 50;
const MAX_PATH_CHARACTERS = 100;

/**
 * One `{path, message}` for each wrong field; an object with three unknown fields gives three. Of several rules that a value
 * breaks the first is told.
 */
export function issuesToDetails(issues: readonly Issue[]): ErrorDetail[] {
  const details = new Map<string, ErrorDetail>();
  const add = (keys: readonly string[], message: string): void => {
    const path = pathText(keys);
    if (details.size < MAX_DETAILS && !details.has(path)) details.set(path, { path, message });
  };
  for (const issue of issues) {
    const path = (issue.path ?? []).map((part) =>
      String(typeof part === "object" ? part.key : part),
    );
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys ?? []) add([...path, key], "is not known here");
    } else {
      add(path, issue.message);
    }
  }
  return [...details.values()];
}

// A key may be half a surrogate pair, or be cut into one: neither survives as UTF-8.
const pathText = (keys: readonly string[]): string =>
  keys.join(".").slice(0, MAX_PATH_CHARACTERS).toWellFormed();

export function validationFailed(issues: readonly Issue[]): ContractError {
  const details = issuesToDetails(issues);
  const fields = details
    .slice(0, 5)
    .map(({ path }) => path || "the body")
    .join(", ");
  return new ContractError(
    "VALIDATION_FAILED",
    `The request is not valid: see details for ${fields}`,
    details,
  );
}
