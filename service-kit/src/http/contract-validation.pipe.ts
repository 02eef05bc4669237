import { Injectable, StandardSchemaValidationPipe } from "@nestjs/common";
import { validationFailed } from "@shop/contracts/validation";

/** Nest's own pipe for schemas, with the contract's errors. */
@Injectable()
export class ContractValidationPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({ exceptionFactory: validationFailed });
  }

  /** The base class would drop `__proto__` silently; unknown fields are refused here. */
  protected override stripProtoKeys(): void {}
}
