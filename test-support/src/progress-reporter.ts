import type { Reporter, TestModule } from "vitest/node";

/** One line for each file, as it ends. What failed is printed by vitest's own reporter, beside it. */
export class ProgressReporter implements Reporter {
  private files = 0;
  private ended = 0;

  onTestRunStart(specifications: readonly unknown[]): void {
    this.files = specifications.length;
  }

  onTestModuleEnd(module: TestModule): void {
    this.ended += 1;
    const width = String(this.files).length;
    const place = `${String(this.ended).padStart(width)}/${this.files}`;
    const tests = [...module.children.allTests()].length;
    const seconds = (module.diagnostic().duration / 1_000).toFixed(1);
    const state = module.ok() ? "ok    " : "FAILED";
    process.stdout.write(
      `${place}  ${state}  ${module.relativeModuleId} (${tests} tests, ${seconds} s)\n`,
    );
  }
}
