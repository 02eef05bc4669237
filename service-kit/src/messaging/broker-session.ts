import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, type Channel, type ChannelModel, type ConfirmChannel } from "amqplib";
import { within } from "../async/limited-wait.ts";

const CONNECT_LIMIT_MS = 5_000;
const CLOSE_LIMIT_MS = 2_000;
const HEARTBEAT_S = 5;

/**
 * One connection from its start to its end. Whatever goes wrong in it — a dead channel, a cancelled consumer, a lost
 * socket — ends the whole session: there is one way down, and one way up again.
 */
export class BrokerSession {
  /** Resolves with the reason when the session has ended. */
  readonly ended: Promise<Error>;
  private readonly endedListeners = new Set<() => void>();
  private alive = true;
  private end!: (reason: Error) => void;

  private constructor(private readonly model: ChannelModel) {
    this.ended = new Promise((resolve) => {
      this.end = (reason) => {
        if (!this.alive) return;
        this.alive = false;
        for (const listener of this.endedListeners) listener();
        resolve(reason);
      };
    });
    // Without a listener an `error` would end the process, so this comes before anything else.
    model.on("error", (error) => this.end(error));
    model.on("close", (error) => this.end(error ?? new Error("the connection was closed")));
    model.on("handler-error", (error) => this.end(error));
  }

  static async open(url: string, name: string, stopping: AbortSignal): Promise<BrokerSession> {
    const address = new URL(url);
    address.searchParams.set("heartbeat", String(HEARTBEAT_S));
    const connecting = connect(address.href, {
      noDelay: true,
      keepAlive: true,
      timeout: CONNECT_LIMIT_MS,
      clientProperties: { connection_name: name },
    });
    // `timeout` covers the socket; a broker that accepts and then says nothing needs this one.
    const limit = AbortSignal.any([stopping, AbortSignal.timeout(CONNECT_LIMIT_MS)]);
    const givenUp = once(limit, "abort").then(() => Promise.reject(new Error("no answer in time")));
    const model = await Promise.race([connecting, givenUp]).catch((error: unknown) => {
      connecting.then(abandon, () => undefined);
      throw error;
    });
    return new BrokerSession(model);
  }

  get isAlive(): boolean {
    return this.alive;
  }

  /** Calls the listener at the end, at once if that is over. Gives back what takes it off again. */
  onEnded(listener: () => void): () => void {
    if (this.alive) this.endedListeners.add(listener);
    else listener();
    return () => this.endedListeners.delete(listener);
  }

  onBlocked(listener: (blocked: boolean) => void): void {
    this.model.on("blocked", () => listener(true));
    this.model.on("unblocked", () => listener(false));
  }

  async channel(): Promise<Channel> {
    return this.watch(await this.answered(this.model.createChannel()));
  }

  async confirmChannel(): Promise<ConfirmChannel> {
    return this.watch(await this.answered(this.model.createConfirmChannel()));
  }

  /** A channel for a few calls, closed after them. What the broker objects to ends the session all the same. */
  async inChannel(work: (channel: Channel) => Promise<void>): Promise<void> {
    const channel = await this.answered(this.model.createChannel());
    channel.on("error", (error) => this.end(error));
    await work(channel);
    await this.answered(channel.close());
  }

  /** The same where the broker may object, which is told and ends nothing. */
  async objection(work: (channel: Channel) => Promise<unknown>): Promise<Error | undefined> {
    const channel = await this.answered(this.model.createChannel());
    channel.on("error", () => undefined);
    try {
      await this.answered(work(channel));
      await this.answered(channel.close());
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** A round trip to the broker, with a limit and an end when the session ends. */
  answered<T>(reply: PromiseLike<T>): Promise<T> {
    return within(
      CONNECT_LIMIT_MS,
      Promise.resolve(reply),
      () => new Error("the broker did not answer"),
    );
  }

  /**
   * Lets the frames that are sent now go out in one packet: amqplib writes each for itself, a turn of the event loop later, and
   * a packet costs more than what is in it.
   */
  packTogether(): void {
    const socket = socketOf(this.model);
    if (!socket || socket.writableCorked > 0) return;
    socket.cork();
    setImmediate(() => setImmediate(() => socket.uncork()));
  }

  fail(reason: Error): void {
    this.end(reason);
  }

  /** Ends politely when the broker listens, by force when it does not. */
  async close(): Promise<void> {
    this.end(new Error("the session was closed"));
    await within(CLOSE_LIMIT_MS, this.model.close(), () => new Error("no answer")).catch(() =>
      destroySocket(this.model),
    );
  }

  private watch<C extends Channel>(channel: C): C {
    channel.on("error", (error) => this.end(error));
    channel.on("close", () => this.end(new Error("a channel was closed")));
    channel.on("handler-error", (error) => this.end(error));
    return channel;
  }
}

/** A connection that came up after nobody wanted it any more. */
function abandon(model: ChannelModel): void {
  model.on("error", () => undefined);
  model.close().catch(() => destroySocket(model));
}

/** amqplib's `close` waits for the broker's word for ever. */
function destroySocket(model: ChannelModel): void {
  socketOf(model)?.destroy();
}

/** Not in amqplib's types. */
const socketOf = (model: ChannelModel): Socket | undefined =>
  (model.connection as unknown as { stream?: Socket }).stream;
