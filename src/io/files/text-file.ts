/**
 * Reads a whole text file, or the names in a folder, or returns why that is not possible.
 * Tested in: test/daemon/live-conf.test.ts
 */
import { readdir, readFile } from "node:fs/promises";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";

export async function readText(path: string): Promise<Result<string, string>> {
  try {
    return accept(await readFile(path, "utf8"));
  } catch (error) {
    return refuse(causeText(error));
  }
}

/** In alphabetical order; none if there is no such folder. */
export async function readNames(folder: string): Promise<Result<readonly string[], string>> {
  try {
    return accept((await readdir(folder)).sort());
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(causeCode(error) ?? "")
      ? accept([])
      : refuse(causeText(error));
  }
}
