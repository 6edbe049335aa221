/**
 * Whole files, read or replaced: after a crash at any point the old or the new content is there.
 * Does not know what the files hold. Source: rename(2), fsync(2) (a rename is durable only once its
 * directory was synced).
 */
import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { causeCode, causeText } from "./cause.ts";
import type { StoreProblem } from "./ports.ts";

/** The text, or null when there is no such file. */
export async function readWhole(path: string): Promise<Result<string | null, StoreProblem>> {
  try {
    return accept(await readFile(path, "utf8"));
  } catch (error) {
    if (causeCode(error) === "ENOENT") return accept(null);
    return refuse({ type: "unreadable", path, cause: causeText(error) });
  }
}

/**
 * Durable when it returns. One writer for each path at a time: the content goes through
 * `path.new`, and what an interrupted write left there is overwritten.
 */
export async function replaceWhole(
  path: string,
  content: { readonly text: string; readonly mode: number },
): Promise<Result<null, StoreProblem>> {
  try {
    const fresh = `${path}.new`;
    const file = await open(fresh, "w", content.mode);
    try {
      await file.writeFile(content.text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
    const directory = await open(dirname(path), "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    return accept(null);
  } catch (error) {
    return refuse({ type: "unwritable", path, cause: causeText(error) });
  }
}
