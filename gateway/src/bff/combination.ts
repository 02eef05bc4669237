import type { ErrorCode } from "@shop/contracts/errors";
import { partialMeta } from "@shop/contracts/envelope";
import { z } from "zod";
import type { Values } from "../exchange/values.ts";
import type { ServiceName } from "../services.ts";

export interface Part {
  readonly service: ServiceName;
  /** All parts are asked at once; only one that needs what a part above it says waits for that one. */
  path(params: Values, query: Values, answerOf: AnswerOf): string | Promise<string>;
  /** Without it there is no answer. Another part may be missing, and the answer says so. */
  readonly required: boolean;
  /**
   * For an optional part: the code by which its service says that there is none. It is `null` in a whole answer then. A part that
   * needs this one fails with the same code.
   */
  readonly noneWhen?: Extract<ErrorCode, `${string}_NOT_FOUND`>;
  /** What its service answers. Tests check it; requests do not pay for that. */
  readonly data: z.ZodType;
}

export type AnswerOf = (part: string) => Promise<unknown>;

/** The parts of `data` by their names, under one deadline. */
export type Combination = Readonly<Record<string, Part>>;

/** What the reader of the whole answer gets. */
export const dataOf = (combination: Combination): z.ZodObject =>
  z.object(
    Object.fromEntries(
      Object.entries(combination).map(([name, { data, required }]) => [
        name,
        required ? data : data.nullable(),
      ]),
    ),
  );

export const metaOf = (combination: Combination) => partialMeta(...optionalParts(combination));

export const optionalParts = (combination: Combination): string[] =>
  Object.keys(combination).filter((name) => !combination[name]!.required);
