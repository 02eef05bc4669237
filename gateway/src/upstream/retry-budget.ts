const PER_REQUEST = 0.1;
const MOST = 20;

/** A tenth of the requests may be repeated, with a few saved up: when everything fails, retries must not double the load. */
export class RetryBudget {
  private left = MOST;

  earn(): void {
    if (this.left < MOST) this.left += PER_REQUEST;
  }

  spend(): boolean {
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
