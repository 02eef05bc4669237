/** G4: request ids that are not taken, by their name, as they stand behind `X-Request-ID: `. */
export const BAD_REQUEST_IDS: readonly [name: string, id: string][] = [
  ["of 8 kB", "a".repeat(8_192)],
  ["of 65 characters", "a".repeat(65)],
  ["with a space", "a b"],
  ["with a quote", 'a","level":"fatal'],
  ["with a backslash", "a\\u0000b\\"],
  ["with a tab", "a\tb"],
  ["with a high byte", "caf\xe9"],
  ["with a line separator", "a\xe2\x80\xa8b"],
  ["with a slash", "../../a"],
  ["with a command", "$(id)`id`{{id}}${id}%s%n"],
  ["that is empty", ""],
  ["given twice", "one\r\nX-Request-ID: two"],
];

/** With these a request is not HTTP. */
export const CONTROL_CHARACTERS: readonly string[] = ["\0", "\x07", "\x1b[31m", "\x7f"];

export const GOOD_REQUEST_IDS: readonly string[] = [
  "a",
  "good.ONE-1_x",
  "9".repeat(64),
  "__proto__",
];
