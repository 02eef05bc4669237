import { OPERATOR, type PasswordOf } from "./accounts.ts";

/** A service's account on a Redis: no other keys, and no command that looks at, or harms, what belongs to others. */
export interface RedisUser {
  readonly name: string;
  readonly keys: readonly string[];
}

/** What a cache needs, the second half in its scripts. */
const COMMANDS = [
  "get",
  "mget",
  "eval",
  "evalsha",
  "ping",
  "hello",
  "set",
  "del",
  "pexpireat",
  "pttl",
  "time",
];

/** Lines of a `redis.conf`. The operator's account takes the place of the one without a password. */
export const redisUserLines = (users: readonly RedisUser[], passwordOf: PasswordOf): string[] => [
  "user default off",
  `user ${OPERATOR} on >${passwordOf(OPERATOR)} ~* &* +@all`,
  ...users.map(({ name, keys }) =>
    [
      `user ${name} on >${passwordOf(name)} resetchannels`,
      ...keys.map((pattern) => `~${pattern}`),
      ...COMMANDS.map((command) => `+${command}`),
    ].join(" "),
  ),
];
