/** Of a command whose 1 is an answer: it could not be understood, or what it needs to know could not be asked. */
export const WRONG_OR_UNASKED = 2;
/** What the command needs is not installed here: nothing was tried, so nothing has failed. */
export const NOT_INSTALLED = 3;
/** What a shell says of a command that Ctrl-C ended. */
export const STOPPED = 130;
