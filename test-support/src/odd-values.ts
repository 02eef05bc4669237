const DEEP = 20_000;

/** G9: JSON that no field of any body takes. */
export const ODD_FIELDS: readonly string[] = [
  "null",
  "true",
  "[]",
  "{}",
  "[1]",
  '{"__proto__":1}',
  "-1",
  "-0.01",
  "1e309",
  "-1e309",
  "1e300",
  "1e-300",
  "0.30000000000000004",
  "99999999999999999999",
  "9007199254740993",
  "-2147483649",
  '""',
  '"   "',
  '"\\u0000"',
  '"a\\u0000b"',
  '"\\u0007"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  `"${"a".repeat(201)}"`,
  `${"[".repeat(DEEP)}${"]".repeat(DEEP)}`,
  `${'{"a":'.repeat(DEEP / 2)}1${"}".repeat(DEEP / 2)}`,
];

/** Fields that no body has, to be added to a good one. */
export const UNKNOWN_FIELDS: readonly string[] = [
  '"__proto__":{"admin":true}',
  '"constructor":{"prototype":{}}',
  '"id":1',
  '"version":2',
  '"status":"done"',
  '"\\u0000":1',
  '"":1',
];

export const NOT_JSON: readonly [name: string, body: Buffer][] = [
  ["half an object", Buffer.from('{"name":')],
  ["two values", Buffer.from("{} {}")],
  ["a trailing comma", Buffer.from('{"name":"a",}')],
  ["a comment", Buffer.from('{/**/"name":"a"}')],
  ["NaN", Buffer.from('{"price":NaN}')],
  ["a byte order mark", Buffer.from('\ufeff{"name":"a","price":1,"qty":1}')],
  ["an overlong encoding", Buffer.from('{"name":"\xc0\x80","price":1,"qty":1}', "latin1")],
  ["latin1", Buffer.from('{"name":"caf\xe9","price":1,"qty":1}', "latin1")],
  ["a surrogate in UTF-8", Buffer.from('{"name":"\xed\xa0\x80","price":1,"qty":1}', "latin1")],
  ["UTF-16", Buffer.from('{"name":"a"}', "utf16le")],
  ["NUL", Buffer.from('{"name":"a\0b"}')],
  ["50,000 open brackets", Buffer.from("[".repeat(50_000))],
];

/** Of lists, with the parameter that is wrong. */
export const ODD_QUERIES: readonly [query: string, wrong: string][] = [
  ["limit=0", "limit"],
  ["limit=101", "limit"],
  ["limit=1e1", "limit"],
  ["limit=+5", "limit"],
  ["limit=%205", "limit"],
  ["limit=", "limit"],
  ["limit=5&limit=6", "limit"],
  ["limit[]=5", "limit[]"],
  ["cursor=a&cursor=b", "cursor"],
  ["offset=5", "offset"],
  ["__proto__=1", "__proto__"],
  ["limit=%00", "limit"],
  ["%6Cimit=500", "limit"],
];

/** Of lists: not one that they gave out. */
export const ODD_CURSORS: readonly string[] = [
  "",
  "x",
  "%00",
  "%ED%A0%80",
  "%ff",
  "__proto__",
  Buffer.from("product:-1").toString("base64url"),
  Buffer.from("product:1e309").toString("base64url"),
  Buffer.from("product:99999999999999999999").toString("base64url"),
  Buffer.from("order:'; DROP TABLE orders; --").toString("base64url"),
  "a".repeat(5_000),
];

/** In the place of any id. */
export const ODD_IDS: readonly string[] = [
  "0",
  "-1",
  "1e309",
  "0.30000000000000004",
  "2147483648",
  "99999999999999999999",
  "__proto__",
  "%00",
  "1%00",
  "%ff",
  "%ED%A0%80",
  "%u0031",
  "1;DROP%20TABLE%20products",
  "1%27%20OR%201=1",
  "a".repeat(400),
];

/** Idempotency-Keys, as they stand in the header. */
export const ODD_KEYS: readonly string[] = [
  "",
  "a b",
  "a\tb",
  "\xfc",
  "\xed\xa0\x80",
  "k".repeat(256),
  "one\r\nIdempotency-Key: two",
];

/** Tags that no product has, as they stand in `If-Match`. */
export const ODD_TAGS: readonly string[] = [
  '"',
  '""',
  '"-1"',
  '"1e309"',
  '"99999999999999999999"',
  '"__proto__"',
  '"\xed\xa0\x80"',
  "W/",
  ",,,,",
  `"${"9".repeat(8_000)}"`,
];

/** Other headers, of which none is a reason to fail. */
export const ODD_HEADERS: readonly string[] = [
  ...ODD_TAGS.map((tag) => `If-None-Match: ${tag}`),
  "traceparent: 00-__proto__-\xed\xa0\x80-zz",
  "tracestate: \xff",
  "Accept: \xff/*;q=1e309",
  "Accept-Encoding: gzip;q=-1, *;q=NaN",
  "Authorization: Bearer \xed\xa0\x80",
  "Cookie: __proto__=1",
  "Range: bytes=-1-1e309",
  'X-Forwarded-For: \', "__proto__"',
  "__proto__: 1",
  "constructor: 1",
  "Content-Type: \xff",
];
