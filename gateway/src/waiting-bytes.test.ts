import { Socket } from "node:net";
import { expect, test } from "vitest";
import { WaitingBytes } from "./waiting-bytes.ts";

const LIMIT = 100;

const start = () => {
  const cut = { count: 0 };
  const waiting = new WaitingBytes(LIMIT, () => (cut.count += 1));
  return { waiting, cut, one: new Socket(), other: new Socket(), third: new Socket() };
};

test("what is within the limit stays, and what is sent counts no more", () => {
  const { waiting, cut, one, other } = start();
  waiting.add(one, 60);
  waiting.add(other, 40);
  waiting.remove(one, 60);
  waiting.add(other, 60);
  expect({ sum: waiting.sum, cut: cut.count }).toEqual({ sum: 100, cut: 0 });
  expect([one.destroyed, other.destroyed]).toEqual([false, false]);
});

test("beyond the limit the connections are cut on which something has waited longest, and no more of them than needed", () => {
  const { waiting, cut, one, other, third } = start();
  waiting.add(one, 10);
  waiting.add(other, 30);
  waiting.add(one, 50);
  waiting.add(third, 70);
  expect([one.destroyed, other.destroyed, third.destroyed]).toEqual([true, false, false]);
  expect({ sum: waiting.sum, cut: cut.count }).toEqual({ sum: 100, cut: 1 });
});

test("a connection on which nothing waited meanwhile is a new one", () => {
  const { waiting, one, other } = start();
  waiting.add(one, 50);
  waiting.add(other, 50);
  waiting.remove(one, 50);
  waiting.add(one, 60);
  expect([one.destroyed, other.destroyed]).toEqual([false, true]);
});

test("what a cut connection gives back later is not counted twice", () => {
  const { waiting, one, other } = start();
  waiting.add(one, 90);
  waiting.add(other, 90);
  waiting.remove(one, 90);
  expect(waiting.sum).toBe(90);
});
