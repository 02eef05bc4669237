import { settings, summaryFile } from "./settings.js";

/** For npm run load, k6's own summary goes into a file, with what was run; without one k6 prints its usual text. */
export const recordOf = (script) => (data) =>
  summaryFile ? { [summaryFile]: JSON.stringify({ script, settings, k6: data }) } : undefined;
