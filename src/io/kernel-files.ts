/**
 * Files that the kernel makes, below /proc and in cgroups: they may be gone at any moment, and
 * then there is nothing in them.
 * Does not know what the files mean. Source: proc(5), cgroups(7).
 */
import { readdir, readFile, rmdir, writeFile } from "node:fs/promises";

/** Empty when the file is gone, or belongs to somebody else. */
export async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return "";
  }
}

export async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch {
    return [];
  }
}

/** Writes into a file that is there, and makes none. */
export async function writeInto(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: "r+" });
  } catch {
    return;
  }
}

/** A directory that is still in use stays. */
export async function removeEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch {
    return;
  }
}
