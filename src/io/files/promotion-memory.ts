/**
 * Which broker became primary last, in `last-primary.json` of the state directory: after a start of
 * the whole cluster its store has the newest messages, and nobody else can tell.
 * Tested in: test/io/promotion-memory.test.ts
 */
import { join } from "node:path";
import { count, nodeId, readOrNull, record, type Shaped } from "../../model/shape.ts";
import { parseJson } from "../json-text.ts";
import { readWhole, replaceWhole } from "./atomic-file.ts";

const stored = record({ node: nodeId, at: count });
type Stored = Shaped<typeof stored>;

export class StoredPromotion {
  readonly #path: string;
  readonly #warn: (text: string) => void;
  #last: Stored | null = null;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, warn: (text: string) => void) {
    this.#path = path;
    this.#warn = warn;
  }

  static async open(directory: string, warn: (text: string) => void): Promise<StoredPromotion> {
    const path = join(directory, "last-primary.json");
    const memory = new StoredPromotion(path, warn);
    const content = await readWhole(path);
    if (content.ok && content.value === null) return memory;
    memory.#last = content.ok ? readOrNull(stored, parseJson(content.value ?? "")) : null;
    if (memory.#last === null) {
      const cause = content.ok ? "the content is damaged" : content.problem.cause;
      const effect =
        "after a start of the whole cluster the last primary may not be promoted first";
      warn(`${path}: ${cause}; ${effect}`);
    }
    return memory;
  }

  get last(): Stored | null {
    return this.#last;
  }

  remember(last: Stored): void {
    this.#last = last;
    const content = { text: `${JSON.stringify(last)}\n`, mode: 0o600 };
    this.#writing = this.#writing.then(async () => {
      const replaced = await replaceWhole(this.#path, content);
      if (replaced.ok) return;
      const { path, cause } = replaced.problem;
      this.#warn(`${path} not written: ${cause}; the next start may promote another broker first`);
    });
  }

  /** Resolves when the file is written. */
  async settled(): Promise<void> {
    await this.#writing;
  }
}
