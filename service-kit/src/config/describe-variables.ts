import type { z } from "zod";

export interface DescribedVariable {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** Of a required one, an example; of another, the default. Empty: there is none. */
  readonly value: string;
}

/** What the schema says about each variable, for documents. */
export function describeVariables(schema: z.ZodObject): DescribedVariable[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const kind = field as z.ZodType;
    const { description = "", example, fallback } = kind.meta() ?? {};
    const required = !kind.safeParse(undefined).success;
    const value = (required ? example : (fallback ?? defaultOf(kind))) as string | undefined;
    return { name, description, required, value: value ?? "" };
  });
}

function defaultOf(kind: z.ZodType): unknown {
  return "defaultValue" in kind.def ? kind.def.defaultValue : undefined;
}
