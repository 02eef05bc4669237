import { z } from "zod";
import { ContractError } from "./errors.ts";

export const DEFAULT_LIMIT = 20;
export const MAX_LIMIT = 100;
const MAX_CURSOR_CHARACTERS = 128;

export const limit = z
  .string("must be given once")
  .regex(/^[1-9]\d{0,2}$/, `must be an integer from 1 to ${MAX_LIMIT}`)
  .transform(Number)
  .refine((value) => value <= MAX_LIMIT, `must be an integer from 1 to ${MAX_LIMIT}`)
  .default(DEFAULT_LIMIT);

/**
 * What is not a cursor of ours is a BAD_REQUEST, from `decodeCursor`. One that is too long for any list is refused by whoever reads
 * it first: escaped again it could be longer than the head that a service takes.
 */
export const cursor = z.string("must be given once").refine((text) => {
  if (text.length > MAX_CURSOR_CHARACTERS) throw noCursor();
  return true;
});

export const pageQuery = z.strictObject({ limit, cursor: cursor.optional() });
export type PageQuery = z.infer<typeof pageQuery>;

export const page = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** A cursor is the last item's place. `kind` keeps a list from taking another list's cursor. */
export function encodeCursor(kind: string, place: string | number): string {
  return Buffer.from(`${kind}:${place}`).toString("base64url");
}

/** The place in a cursor, checked by `isPlace` since anybody can make one up. */
export function decodeCursor(
  kind: string,
  text: string,
  isPlace: (place: string) => boolean,
): string {
  if (text.length <= MAX_CURSOR_CHARACTERS) {
    const decoded = Buffer.from(text, "base64url").toString("latin1");
    const place = decoded.slice(kind.length + 1);
    if (isPlace(place) && encodeCursor(kind, place) === text) return place;
  }
  throw noCursor();
}

const noCursor = (): ContractError =>
  new ContractError("BAD_REQUEST", "The cursor is not one that this list gave out", [
    { path: "cursor", message: "take it from nextCursor of the page before, unchanged" },
  ]);
