/** What the command needs is not installed here: nothing was tried, so nothing has failed. */
export const NOT_INSTALLED = 3;
/** What a shell says of a command that Ctrl-C ended. */
export const STOPPED = 130;
