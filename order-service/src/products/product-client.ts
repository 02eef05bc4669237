import { Inject, Injectable, type OnApplicationShutdown } from "@nestjs/common";
import { INTERNAL_TOKEN_HEADER } from "@shop/contracts/access";
import { ContractError, errorBody } from "@shop/contracts/errors";
import { NO_CACHE, REQUEST_ID_HEADER } from "@shop/contracts/headers";
import { product, type Product } from "@shop/contracts/product";
import { CircuitBreaker, CircuitOpen } from "@shop/service-kit/async/breaker";
import { LOGGER, type Logger } from "@shop/service-kit/log/logger";
import { acceptRequestId, currentRequestId } from "@shop/service-kit/log/request-id";
import { Agent, request } from "undici";
import { CONFIG, type OrderServiceConfig } from "../config.ts";

const ANSWER_LIMIT_MS = 1_000;
/** The caller waits meanwhile: a third would come too late. */
const MOST_TRIES = 2;
const CONNECTIONS = 8;
const BREAKER_FAILURES = 3;
const BREAKER_OPEN_MS = 1_000;

interface Instance {
  readonly url: string;
  readonly breaker: CircuitBreaker;
}

/** Asks product-service, with a limit; while an instance does not answer, a breaker spares the callers that limit. */
@Injectable()
export class ProductClient implements OnApplicationShutdown {
  private readonly agent = new Agent({ connections: CONNECTIONS, pipelining: 1 });
  private readonly instances: readonly Instance[];
  private turn = 0;

  constructor(
    @Inject(CONFIG) private readonly config: OrderServiceConfig,
    @Inject(LOGGER) log: Logger,
  ) {
    this.instances = config.PRODUCT_SERVICE_URLS.map((url) => ({
      url,
      breaker: instanceBreaker(url, log),
    }));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  /** The product, or `undefined` when there is none. Throws UNAVAILABLE when no instance answers. */
  async get(id: number): Promise<Product | undefined> {
    let cause: unknown;
    let tries = 0;
    for (const { url, breaker } of this.inTurn()) {
      try {
        return await breaker.run(() => this.ask(url, id));
      } catch (error) {
        cause = error;
        // A refusal of the breaker costs no time.
        if (!(error instanceof CircuitOpen)) tries += 1;
        if (tries === MOST_TRIES) break;
      }
    }
    const message = "The product cannot be looked up just now; try again";
    throw new ContractError("UNAVAILABLE", message, [], { cause });
  }

  private inTurn(): Instance[] {
    const { instances } = this;
    this.turn = (this.turn + 1) % instances.length;
    return [...instances.slice(this.turn), ...instances.slice(0, this.turn)];
  }

  private async ask(url: string, id: number): Promise<Product | undefined> {
    const { INTERNAL_TOKEN: internalToken } = this.config;
    const { statusCode, body } = await request(new URL(`/products/${id}`, url), {
      dispatcher: this.agent,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      headers: {
        "cache-control": NO_CACHE,
        [REQUEST_ID_HEADER]: acceptRequestId(currentRequestId()),
        ...(internalToken !== undefined && { [INTERNAL_TOKEN_HEADER]: internalToken }),
      },
    });
    const answer: unknown = await body.json();
    if (statusCode === 200) return product.parse(answer);
    // Any other 404 comes from something that is not product-service.
    if (statusCode === 404 && errorBody.parse(answer).code === "PRODUCT_NOT_FOUND")
      return undefined;
    throw new Error(`product-service answered ${statusCode}`);
  }
}

const instanceBreaker = (url: string, log: Logger): CircuitBreaker =>
  new CircuitBreaker({
    failures: BREAKER_FAILURES,
    openMs: BREAKER_OPEN_MS,
    onOpen: () => log.warn({ instance: url }, "product-service does not answer and is left out"),
    onClose: () => log.info({ instance: url }, "product-service answers again"),
  });
