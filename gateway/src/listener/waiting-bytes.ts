import type { Socket } from "node:net";

/** How far below the limit a cut goes, so that the next byte does not ask for another. */
const AFTER_CUT = 0.9;

/**
 * How many bytes wait for clients: of bodies that are still on their way, and of answers that are not read. Beyond the limit the
 * connections are cut on which most waits. To refuse new requests, or to cut the oldest, would let a few such clients stop all
 * others: a client that is merely slow has little waiting.
 */
export class WaitingBytes {
  sum = 0;
  private readonly bySocket = new Map<Socket, number>();

  constructor(
    private readonly most: number,
    private readonly onCut: () => void,
  ) {}

  add(socket: Socket, bytes: number): void {
    // Node's parser goes on with what it has read from a connection that is cut meanwhile.
    if (socket.destroyed) return;
    this.sum += bytes;
    this.bySocket.set(socket, (this.bySocket.get(socket) ?? 0) + bytes);
    if (this.sum > this.most) this.cutLargest();
  }

  /** A connection that was cut has nothing left to take away. */
  remove(socket: Socket, bytes: number): void {
    const its = this.bySocket.get(socket);
    if (its === undefined) return;
    this.sum -= Math.min(its, bytes);
    if (its > bytes) this.bySocket.set(socket, its - bytes);
    else this.bySocket.delete(socket);
  }

  private cutLargest(): void {
    for (const [socket, its] of [...this.bySocket].toSorted(([, a], [, b]) => b - a)) {
      if (this.sum <= this.most * AFTER_CUT) return;
      this.remove(socket, its);
      socket.destroy();
      this.onCut();
    }
  }
}
