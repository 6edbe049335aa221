/**
 * The cluster's key: from a file that only root can read, or derived from the cluster's name.
 * Does not know what the key is used for.
 * Source: cman(5) uses the name as key when no keyfile is given; that separates clusters, it is no
 * secret, and the caller has to say so.
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { causeText } from "./cause.ts";

/** As many bytes as the key of the cipher has. */
const keyBytesMin = 32;
const keyBytesMax = 4096;

export type KeyProblem = { readonly path: string; readonly cause: string };

export function keyFromName(clusterName: string): Uint8Array {
  return createHash("sha256").update(`clusterd/cluster-name/${clusterName}`).digest();
}

export async function keyFromFile(path: string): Promise<Result<Uint8Array, KeyProblem>> {
  try {
    const file = await open(path, "r");
    try {
      const { mode, uid, size } = await file.stat();
      if (uid !== 0 && uid !== process.geteuid?.())
        return refuse({ path, cause: "not owned by root" });
      if ((mode & 0o077) !== 0) {
        return refuse({ path, cause: "readable by group or others; chmod 0400 it" });
      }
      if (size < keyBytesMin || size > keyBytesMax) {
        const cause = `${size} bytes; a key has ${keyBytesMin} to ${keyBytesMax}`;
        return refuse({ path, cause });
      }
      return accept(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (error) {
    return refuse({ path, cause: causeText(error) });
  }
}
