/**
 * Reads a whole text file, or returns why it cannot be read.
 * Tested in: test/daemon/live-conf.test.ts
 */
import { readFile } from "node:fs/promises";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeText } from "../os-error.ts";

export async function readText(path: string): Promise<Result<string, string>> {
  try {
    return accept(await readFile(path, "utf8"));
  } catch (error) {
    return refuse(causeText(error));
  }
}
