import { defineScript, type CommandParser } from "@redis/client";

/**
 * A value's time runs from its reading, not from its arrival: a Redis that stood still takes in, when it goes on, what was
 * sent before, and would keep what was old by then for a whole TTL more. Clocks are taken to agree within a fraction of a TTL.
 */
const deadline = (ttlMs: number): string => String(Date.now() + ttlMs);

/**
 * A value carries its version; an older one never takes its place, whatever order readers and writers arrive in. The compared
 * version is the one in the stored JSON, so that what is stored stays plain text that a person can read; quotes in a name
 * are escaped there, so a name can't pass for it.
 */
const storeVersioned = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: `
    local stored = redis.call('GET', KEYS[1])
    if stored then
      local version = tonumber(string.match(stored, '"version":(%d+)'))
      if version and version > tonumber(ARGV[1]) then return 0 end
    end
    redis.call('SET', KEYS[1], ARGV[2])
    redis.call('PEXPIREAT', KEYS[1], ARGV[3])
    return 1`,
  parseCommand(parser: CommandParser, key: string, value: VersionedText, ttlMs: number) {
    parser.pushKey(key);
    parser.push(String(value.version), value.text, deadline(ttlMs));
  },
  transformReply: (stored: number) => stored,
});

export interface VersionedText {
  readonly version: number;
  readonly text: string;
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

/** What the writer of a list does after its commit: a new token, and the old list gone, in one step. */
const forgetList = defineScript({
  NUMBER_OF_KEYS: 2,
  SCRIPT: `
    redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
    return redis.call('DEL', KEYS[1])`,
  parseCommand(parser: CommandParser, keys: ListKeys, token: string, ttlMs: number) {
    parser.pushKeys([keys.list, keys.token]);
    parser.push(token, String(ttlMs));
  },
  transformReply: (deleted: number) => deleted,
});

export interface ListKeys {
  readonly list: string;
  readonly token: string;
}

export interface SeenList {
  readonly token: string;
  readonly text: string;
}

export const cacheScripts = { storeVersioned, storeIfUnchanged, forgetList };
