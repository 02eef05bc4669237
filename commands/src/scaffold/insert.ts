export interface Names {
  readonly name: string;
  readonly service: string;
  readonly item: string;
  readonly items: string;
  readonly redis: boolean;
  readonly port: number;
  /** Its place in the registry. */
  readonly index: number;
}

export type Edit = (text: string) => string;

export const variable = ({ name }: Names, rest: string): string => `${name.toUpperCase()}_${rest}`;
export const urlsVariable = (names: Names): string => variable(names, "SERVICE_URLS");

export const before = (text: string, place: RegExp, added: string): string =>
  insert(text, place, (found) => added + found);

export const after = (text: string, place: RegExp, added: string): string =>
  insert(text, place, (found) => `${found}\n${added.replace(/\n$/, "")}`);

/** Fails where the file has changed, so that nothing is written to a wrong place. */
function insert(text: string, place: RegExp, change: (found: string) => string): string {
  if (!place.test(text)) throw new Error(`there is no place like ${place}`);
  return text.replace(place, change);
}
