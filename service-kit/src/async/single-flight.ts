/** One load for each key at a time; who comes meanwhile gets the same answer. Bounded by the callers in flight. */
export class SingleFlight<K, V> {
  private readonly loading = new Map<K, Promise<V>>();

  do(key: K, load: () => Promise<V>): Promise<V> {
    const running = this.loading.get(key);
    if (running) return running;
    const started = load().finally(() => this.loading.delete(key));
    this.loading.set(key, started);
    return started;
  }

  /** The same, where a load that began before this call does not do: it may have read what has changed since. */
  async doAfter(key: K, load: () => Promise<V>): Promise<V> {
    await this.loading.get(key);
    return this.do(key, load);
  }
}
