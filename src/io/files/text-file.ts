/**
 * Reads a whole text file, or the names in a folder, or returns why that is not possible.
 * Tested in: test/io/text-file.test.ts
 */
import { open, readdir } from "node:fs/promises";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";

/** No file that is read here is longer; a device has no end, and would fill the memory. */
const bytesMax = 16 * 1024 * 1024;
const chunkBytes = 64 * 1024;

/** The text of the file; throws as `open` and `read` do, and when it is too long. */
export async function textOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const chunks: Buffer[] = [];
    for (let bytes = 0; bytes <= bytesMax; ) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, null);
      if (bytesRead === 0) return Buffer.concat(chunks).toString("utf8");
      chunks.push(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await file.close();
  }
  throw new Error(`it has more than ${bytesMax / 1024 / 1024} MiB`);
}

export async function readText(path: string): Promise<Result<string, string>> {
  try {
    return accept(await textOf(path));
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
