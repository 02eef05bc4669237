import { createHmac, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { OWNER_ALONE, writeWhole } from "../terminal/write-whole.ts";

/** Who runs the servers: operators, their commands and the tests. A superuser everywhere. */
export const OPERATOR = "shop";

/** Changes a database's tables, which its service may not. */
export const ownerOf = (service: string): string => `${service}-owner`;

/** The password of an account. */
export type PasswordOf = (account: string) => string;

const SECRET_BYTES = 32;
const PASSWORD_CHARACTERS = 40;

/** All passwords come from one secret: nothing else has to be kept. */
const passwordsFrom =
  (secret: string): PasswordOf =>
  (account) =>
    createHmac("sha256", secret).update(account).digest("hex").slice(0, PASSWORD_CHARACTERS);

/** For servers whose data is thrown away with them. */
export const temporaryPasswords = (): PasswordOf => passwordsFrom(newSecret());

/** For servers that are started again: the secret is made once, and only its owner can read it. */
export function lastingPasswords(file: string): PasswordOf {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    writeWhole(file, `${newSecret()}\n`, OWNER_ALONE);
  }
  return passwordsFrom(readFileSync(file, "utf8").trim());
}

const newSecret = (): string => randomBytes(SECRET_BYTES).toString("hex");

/** The same server's URL for another account. */
export function urlFor(url: string, account: string, passwordOf: PasswordOf): string {
  const address = new URL(url);
  address.username = account;
  address.password = passwordOf(account);
  return address.href;
}
