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

/** One `{path, message}` for each wrong field; an object with three unknown fields gives three. */
export function issuesToDetails(issues: readonly Issue[]): ErrorDetail[] {
  const details: ErrorDetail[] = [];
  for (const issue of issues) {
    const path = (issue.path ?? []).map((part) =>
      String(typeof part === "object" ? part.key : part),
    );
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys ?? []) details.push(detail([...path, key], "is not known here"));
    } else {
      details.push(detail(path, issue.message));
    }
    if (details.length >= MAX_DETAILS) return details.slice(0, MAX_DETAILS);
  }
  return details;
}

function detail(path: readonly string[], message: string): ErrorDetail {
  // A key may be half a surrogate pair, or be cut into one: neither survives as UTF-8.
  return { path: path.join(".").slice(0, MAX_PATH_CHARACTERS).toWellFormed(), message };
}

export function validationFailed(issues: readonly Issue[]): ContractError {
  const details = issuesToDetails(issues);
  const fields = [...new Set(details.map(({ path }) => path || "the body"))].slice(0, 5).join(", ");
  return new ContractError(
    "VALIDATION_FAILED",
    `The request is not valid: see details for ${fields}`,
    details,
  );
}
