import { defineScript, type CommandParser } from "@redis/client";

/**
 * A value's time runs from its reading, not from its arrival: a Redis that stood still takes in, when it goes on, what was
 * sent before, and would keep what was old by then for a whole TTL more. Clocks are taken to agree within a fraction of a TTL.
 */
const deadline = (ttlMs: number): string => String(Date.now() + ttlMs);

/**
 * Versions say which of two values is newer only while both are of the same few seconds. Later than that the later value counts:
 * after a restore of the database versions begin again at lower ones, and a forged version may be the highest there is.
 */
export const VERSIONS_DECIDE_WITHIN_MS = 5_000;

/**
 * A value carries its version; an older one never takes its place, whatever order readers and writers arrive in. The compared
 * version is the one in the stored JSON, so that what is stored stays plain text that a person can read; quotes in a name
 * are escaped there, so a name can't pass for it. How old a stored value is follows from when it ends. Something else under a key
 * is in nobody's way, nor is a value that ends never, or later than any of ours. Answers how many were stored.
 */
const storeVersioned = defineScript({
  SCRIPT: `
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local count = 0
    for i, key in ipairs(KEYS) do
      local version, text, deadline, ttl = ARGV[4 * i - 3], ARGV[4 * i - 2], ARGV[4 * i - 1], ARGV[4 * i]
      local stored = redis.pcall('GET', key)
      local held = type(stored) == 'string' and tonumber(string.match(stored, '"version":(%d+)'))
      local rest = redis.call('PTTL', key)
      local isOurs = held and rest > 0 and rest <= ttl + ${VERSIONS_DECIDE_WITHIN_MS}
      local laterBy = now + rest - deadline
      local isLater = laterBy > ${VERSIONS_DECIDE_WITHIN_MS}
      if laterBy >= -${VERSIONS_DECIDE_WITHIN_MS} and not isLater then
        isLater = isOurs and held > tonumber(version)
      end
      if not (isOurs and isLater) then
        redis.call('SET', key, text)
        redis.call('PEXPIREAT', key, deadline)
        count = count + 1
      end
    end
    return count`,
  parseCommand(parser: CommandParser, values: readonly VersionedText[]) {
    parser.pushKeysLength(values.map(({ key }) => key));
    for (const { version, text, asOf, ttlMs } of values)
      parser.push(String(version), text, String(asOf + ttlMs), String(ttlMs));
  },
  transformReply: (stored: number) => stored,
});

export interface VersionedText {
  readonly key: string;
  readonly version: number;
  readonly text: string;
  /** When it was so, by `Date.now()`. */
  readonly asOf: number;
  readonly ttlMs: number;
}

/**
 * Lists have no version. Their writer puts a new random token beside the list; a reader stores what it read only while the
 * token is still the one from before its query.
 */
const storeIfUnchanged = defineScript({
  NUMBER_OF_KEYS: 2,
  SCRIPT: `
    if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2])
    redis.call('PEXPIREAT', KEYS[1], ARGV[3])
    return 1`,
  parseCommand(parser: CommandParser, keys: ListKeys, seen: SeenList, ttlMs: number) {
    parser.pushKeys([keys.list, keys.token]);
    parser.push(seen.token, seen.text, deadline(ttlMs));
  },
  transformReply: (stored: number) => stored,
});

/** What the writer of lists does after its commit: a new token, and the old list gone, in one step. Answers how many were there. */
const forgetLists = defineScript({
  SCRIPT: `
    local gone = 0
    for i = 1, #KEYS, 2 do
      redis.call('SET', KEYS[i + 1], ARGV[1], 'PX', ARGV[2])
      gone = gone + redis.call('DEL', KEYS[i])
    end
    return gone`,
  parseCommand(parser: CommandParser, lists: readonly ListKeys[], token: string, ttlMs: number) {
    parser.pushKeysLength(lists.flatMap(({ list, token: beside }) => [list, beside]));
    parser.push(token, String(ttlMs));
  },
  transformReply: (gone: number) => gone,
});

export interface ListKeys {
  readonly list: string;
  readonly token: string;
}

export interface SeenList {
  readonly token: string;
  readonly text: string;
}

export const cacheScripts = { storeVersioned, storeIfUnchanged, forgetLists };
