import { Socket } from "node:net";
import { expect, test } from "vitest";
import { WaitingBytes } from "./waiting-bytes.ts";

const sockets = (count: number): Socket[] => Array.from({ length: count }, () => new Socket());

test("ignores a connection that was cut, whatever is added or removed for it", () => {
  const waiting = new WaitingBytes(100, () => undefined);
  const [socket, other] = sockets(2) as [Socket, Socket];
  waiting.add(other, 5);
  waiting.add(socket, 101);
  expect(socket.destroyed).toBe(true);
  waiting.add(socket, 7);
  waiting.remove(socket, 108);
  expect(waiting.sum).toBe(5);
  waiting.remove(other, 9);
  expect(waiting.sum).toBe(0);
});

test("cuts the largest first, of equal ones the older, and no more than it must", () => {
  let cut = 0;
  const waiting = new WaitingBytes(100, () => (cut += 1));
  const [small, old, young, last] = sockets(4) as [Socket, Socket, Socket, Socket];
  waiting.add(small, 1);
  waiting.add(old, 40);
  waiting.add(young, 40);
  waiting.add(last, 25);
  expect([small, old, young, last].map(({ destroyed }) => destroyed)).toEqual([
    false,
    true,
    false,
    false,
  ]);
  expect({ cut, sum: waiting.sum }).toEqual({ cut: 1, sum: 66 });
});
