import type { OnModuleInit } from "@nestjs/common";
import { MetadataScanner, type DiscoveryService } from "@nestjs/core";
import type { EventOf, EventType } from "@shop/contracts/event";
import type { WorkQueue } from "@shop/contracts/topology";
import { BatchConsumer, type BatchConsumerOptions } from "./batch-consumer.ts";
import type { BrokerConnection } from "./broker-connection.ts";
import type { Handle } from "./handle-batch.ts";
import { consumeHints } from "./hint-consumer.ts";

type Method<F> = (target: object, name: string, method: TypedPropertyDescriptor<F>) => void;
type OnHint<T extends EventType> = (event: EventOf<T>) => void;

interface Batches {
  readonly queue: WorkQueue;
  readonly types: readonly EventType[];
}

interface Hints {
  readonly name: string;
  readonly types: readonly EventType[];
}

const BATCHES = Symbol("consumes batches");
const HINTS = Symbol("consumes hints");

/** The method handles this work queue in batches, from the start of the service to its end. */
export function ConsumeBatches<T extends EventType>(
  queue: WorkQueue,
  types: readonly T[],
): Method<Handle<T>> {
  const what: Batches = { queue, types };
  return (_target, _name, method) => Reflect.defineMetadata(BATCHES, what, method.value!);
}

/** The method takes each event of these types, in every instance: a hint may be lost, and must not make the method throw. */
export function ConsumeHints<T extends EventType>(
  name: string,
  types: readonly T[],
): Method<OnHint<T>> {
  const what: Hints = { name, types };
  return (_target, _name, method) => Reflect.defineMetadata(HINTS, what, method.value!);
}

/** Finds the decorated methods of all providers, and consumes for them on every session with the broker. */
export class Consumers implements OnModuleInit {
  private readonly batches: BatchConsumer<EventType>[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly connection: BrokerConnection,
    private readonly options: Pick<BatchConsumerOptions<EventType>, "log" | "events" | "observer">,
  ) {}

  onModuleInit(): void {
    const scanner = new MetadataScanner();
    for (const { instance } of this.discovery.getProviders()) {
      if (typeof instance !== "object" || instance === null) continue;
      for (const name of scanner.getAllMethodNames(Object.getPrototypeOf(instance))) {
        this.consumeFor(instance as Record<string, Function>, name);
      }
    }
  }

  get all(): readonly BatchConsumer<EventType>[] {
    return this.batches;
  }

  get consuming(): boolean {
    return this.connection.up && this.batches.every(({ consuming }) => consuming);
  }

  /** Each finishes the batch in hand. */
  async stop(): Promise<void> {
    for (const consumer of this.batches.toReversed()) await consumer.stop();
  }

  private consumeFor(provider: Record<string, Function>, name: string): void {
    const method = provider[name]!;
    const batches = Reflect.getMetadata(BATCHES, method) as Batches | undefined;
    if (batches) {
      const handle = method.bind(provider) as Handle<EventType>;
      this.batches.push(
        new BatchConsumer(this.connection, { ...this.options, ...batches, handle }),
      );
    }
    const hints = Reflect.getMetadata(HINTS, method) as Hints | undefined;
    if (hints) {
      const onHint = method.bind(provider) as OnHint<EventType>;
      consumeHints(this.connection, { ...this.options, ...hints, onHint });
    }
  }
}
