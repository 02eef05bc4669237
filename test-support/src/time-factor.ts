/** How many times longer this machine takes than a quiet one, measured by `npm test` at its start. Limits of tests grow with it. */
export const TIME_FACTOR = Number(process.env["TEST_TIME_FACTOR"] ?? 1);
