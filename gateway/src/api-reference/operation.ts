import type { ErrorCode } from "@shop/contracts/errors";
import type { z } from "zod";
import type { AnswerHeader, RequestHeader } from "./headers.ts";

/** What the reference says of a route beside its schemas. */
export interface Operation {
  readonly id: string;
  /** The group that the reference shows it in. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Besides those that the route checks. */
  readonly headers?: readonly RequestHeader[];
  /** Bodies that are accepted, by what they show. */
  readonly bodies?: Examples;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Besides those that a route of its kind may give. */
  readonly errors?: readonly ErrorCode[];
}

type Examples = Readonly<Record<string, unknown>>;

/** One of three: `data` in the envelope, a file, or nothing. */
export interface Answer {
  readonly description: string;
  readonly data?: z.ZodType;
  /** Of the envelope, where it is not the usual one. */
  readonly meta?: z.ZodType;
  /** Media types of a file. */
  readonly file?: readonly string[];
  readonly examples?: Examples;
  /** Further members of `meta`, by the name of the example. */
  readonly exampleMeta?: Readonly<Record<string, object>>;
  readonly headers?: readonly AnswerHeader[];
  /** Where what was answered leads to. */
  readonly links?: Readonly<Record<string, Link>>;
}

export interface Link {
  readonly operationId: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly requestBody?: unknown;
}
