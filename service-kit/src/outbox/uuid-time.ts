/** When a UUIDv7 was made: its first 48 bits are milliseconds. */
export const uuidTime = (id: string): Date =>
  new Date(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16));
