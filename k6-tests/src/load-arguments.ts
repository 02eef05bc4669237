import { parseArgs } from "node:util";

export interface LoadArguments {
  /** A script or `picture`; without one the names are listed. */
  readonly name: string | undefined;
  readonly url: string | undefined;
}

export function parseLoadArguments(
  args: readonly string[],
  names: readonly string[],
): LoadArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { url: { type: "string" } },
    allowPositionals: true,
  });
  const [name, ...more] = positionals;
  if (more.length > 0) throw new Error(`One at a time: ${positionals.join(", ")} are too many.`);
  if (name !== undefined && !names.includes(name)) {
    throw new Error(`There is no ${name}. Give one of: ${names.join(", ")}.`);
  }
  if (values.url !== undefined && !URL.canParse(values.url)) {
    throw new Error(`${values.url} is not a URL.`);
  }
  return { name, url: values.url };
}
