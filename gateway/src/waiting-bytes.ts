import type { Socket } from "node:net";

/**
 * How many bytes wait for clients: of bodies that are still on their way, and of answers that are not read. Beyond the limit the
 * connection is cut on which something has waited longest. To refuse new requests instead would let a few such clients stop all others.
 */
export class WaitingBytes {
  sum = 0;
  /** In the order in which something began to wait on them. */
  private readonly bySocket = new Map<Socket, number>();

  constructor(
    private readonly most: number,
    private readonly onCut: () => void,
  ) {}

  add(socket: Socket, bytes: number): void {
    this.sum += bytes;
    this.bySocket.set(socket, (this.bySocket.get(socket) ?? 0) + bytes);
    for (const [oldest, its] of this.bySocket) {
      if (this.sum <= this.most) return;
      this.remove(oldest, its);
      oldest.destroy();
      this.onCut();
    }
  }

  /** A connection that was cut has nothing left to take away. */
  remove(socket: Socket, bytes: number): void {
    const its = this.bySocket.get(socket);
    if (its === undefined) return;
    this.sum -= bytes;
    if (its > bytes) this.bySocket.set(socket, its - bytes);
    else this.bySocket.delete(socket);
  }
}
