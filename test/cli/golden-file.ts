/** Compares text with a file of test/golden, byte for byte; REWRITE=1 writes the file instead. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";

/** Seen from build/test/cli. */
const folder = new URL("../../../test/golden/", import.meta.url);

export function sameAsGolden(t: Test, name: string, text: string): void {
  const path = fileURLToPath(new URL(name, folder));
  if (process.env["REWRITE"] === "1") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  t.equal(text, existsSync(path) ? readFileSync(path, "utf8") : "(no such file)", name);
}
