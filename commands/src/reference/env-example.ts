export interface ExampleVariable {
  readonly name: string;
  /** Of one that must be set, an example; of another, the default. Empty: there is none. */
  readonly value: string;
  readonly required: boolean;
  readonly meaning: string;
}

const VARIABLE = /^(?<off># )?(?<name>[A-Z][A-Z0-9_]*)=(?<value>.*)$/;

/**
 * A program's `.env.example`: what has no `#` in front must be set; what stands behind one is the default, empty where there is none.
 * The comment lines above a variable say what it is for, and hold on until the next comment or an empty line.
 */
export function readEnvExample(text: string): ExampleVariable[] {
  const variables: ExampleVariable[] = [];
  let meaning: string[] = [];
  let isMeaning = false;
  for (const line of text.split(/\r?\n/)) {
    const { off, name, value } = VARIABLE.exec(line)?.groups ?? {};
    if (name !== undefined) {
      variables.push({
        name,
        value: value ?? "",
        required: off === undefined,
        meaning: meaning.join(" "),
      });
      isMeaning = false;
    } else if (line.startsWith("# ")) {
      meaning = isMeaning ? [...meaning, line.slice(2)] : [line.slice(2)];
      isMeaning = true;
    } else {
      meaning = [];
      isMeaning = false;
    }
  }
  return variables;
}
