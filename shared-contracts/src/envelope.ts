import { z } from "zod";
import { errorBody } from "./errors.ts";

/** The gateway's envelope around every JSON answer. */
export const meta = z.object({ requestId: z.string(), timestamp: z.iso.datetime() });

export const success = <T extends z.ZodType, M extends z.ZodType = typeof meta>(
  data: T,
  itsMeta?: M,
) => z.object({ success: z.literal(true), data, meta: itsMeta ?? meta });

export const failure = z.object({ success: z.literal(false), error: errorBody, meta });

/** The BFF says whether one of these parts could not be asked, so that it is never taken for empty. */
export const partialMeta = (...optionalParts: readonly string[]) =>
  meta.extend({ partial: z.boolean(), unavailable: z.array(z.enum(optionalParts)).optional() });
