const LOUD_LEVEL = /"level":"(?:warn|error|fatal)"/;
const EVENT = /"event":"/;

export interface OutputFilter {
  /** LOG_EVENTS=true: one line for each event. */
  showEvents: boolean;
  /** LOG_LEVEL is set: the user wants to see what that level lets through. */
  showAll: boolean;
}

function isWorthShowing(line: string, filter: OutputFilter): boolean {
  // What is no log line was not meant to be said: a crash, a wrong setting.
  if (!line.startsWith("{")) return line.trim() !== "";
  return filter.showAll || LOUD_LEVEL.test(line) || (filter.showEvents && EVENT.test(line));
}

/** Everything is in the log file; the terminal gets, line by line and unchanged, what its user should see. */
export function outputForTerminal(
  filter: OutputFilter,
  show: (line: string) => void,
): (text: string) => void {
  let begun = "";
  return (text) => {
    const lines = (begun + text).split("\n");
    begun = lines.pop() ?? "";
    for (const line of lines) if (isWorthShowing(line, filter)) show(line);
  };
}
