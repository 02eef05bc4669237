import { z } from "zod";

interface Field {
  readonly path: string;
  readonly type: string;
  readonly rules: string;
}

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** The fields of an object, those of objects in it included, as a reader wants them. */
export function fieldsOf(schema: z.ZodType): Field[] {
  const root = z.toJSONSchema(schema, { reused: "inline" });
  return walk(root, "", root);
}

function walk(schema: JsonSchema, path: string, root: JsonSchema): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const property = resolved(given as JsonSchema, root);
    const optional = schema.required?.includes(name) ? [] : ["optional"];
    const rules = optional.concat(rulesOf(property)).join("; ");
    return [{ path: path + name, type: typeOf(property), rules }].concat(
      walk(property, `${path}${name}.`, root),
    );
  });
}

/** Schemas with an id of their own stand under `$defs`. */
function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const { $ref, ...own } = schema;
  const name = $ref?.split("/").at(-1);
  const target = name === undefined ? undefined : root.$defs?.[name];
  return target === undefined ? schema : { ...target, ...own };
}

function typeOf({ type, anyOf }: JsonSchema): string {
  if (anyOf) return anyOf.map((one) => typeOf(one)).join(" or ");
  return Array.isArray(type) ? type.join(" or ") : (type ?? "any");
}

function rulesOf(schema: JsonSchema): string[] {
  const { format, minimum, maximum, pattern, anyOf = [], description } = schema;
  const values = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  return [
    ...(description === undefined ? [] : [description]),
    ...(format === undefined ? [] : [format]),
    ...(pattern === undefined || format !== undefined ? [] : [`matches \`${pattern}\``]),
    ...(values.length === 0 ? [] : [values.map((value) => `\`${String(value)}\``).join(", ")]),
    ...range(minimum, maximum),
    ...anyOf.flatMap((one) => rulesOf(one)),
  ];
}

function range(minimum?: number, maximum: number = Number.MAX_SAFE_INTEGER): string[] {
  if (minimum === undefined) return [];
  return [maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `${minimum} to ${maximum}`];
}
