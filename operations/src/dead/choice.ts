import type { ConsumeMessage } from "amqplib";
import { say } from "local-stack/terminal/say";
import { harmless } from "../words.ts";
import { letterId } from "./letter.ts";

/** Which messages a command is for. Several may have one id: the same event, told twice. */
export class Choice {
  private readonly all: boolean;
  private readonly ids: ReadonlySet<string>;
  private readonly left: Set<string>;

  constructor(all: boolean, ids: readonly string[]) {
    this.all = all;
    this.ids = new Set(ids);
    this.left = new Set(ids);
  }

  take(window: readonly ConsumeMessage[]): ConsumeMessage[] {
    if (this.all) return [...window];
    return window.filter((message) => {
      const id = letterId(message);
      this.left.delete(id);
      return this.ids.has(id);
    });
  }

  /** Says which were not there, and hands back the exit code. */
  tellMissing(): number {
    for (const id of this.left) say(`Not found: ${harmless(id)}`);
    if (this.left.size > 0) say("npm run dead-letters -- list shows what there is.");
    return this.left.size > 0 ? 1 : 0;
  }
}
