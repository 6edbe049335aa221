/**
 * The cluster's key: from a file that only root can read, or derived from the cluster's name.
 * Source: cman(5) uses the name as key without a keyfile. That separates clusters, but it is not
 * secret, and the caller has to warn about it.
 */
import { createHash, randomBytes } from "node:crypto";
import { constants, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { keyFileBytesMin } from "../../model/conf.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";

const keyBytesMax = 4096;
/** As many as corosync-keygen(8) writes; bytes beyond the cipher's strength do no harm. */
const keyBytesNew = 128;

export type KeyProblem = { readonly path: string; readonly cause: string };

export function keyFromName(clusterName: string): Uint8Array {
  return createHash("sha256").update(`clusterd/cluster-name/${clusterName}`).digest();
}

export async function keyFromFile(path: string): Promise<Result<Uint8Array, KeyProblem>> {
  try {
    // A pipe without a writer must be refused; a blocking open would wait for one.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      const { mode, uid, size } = found;
      if (!found.isFile()) return refuse({ path, cause: "not a regular file" });
      if (uid !== 0 && uid !== process.geteuid?.())
        return refuse({ path, cause: "not owned by root" });
      if ((mode & 0o077) !== 0) {
        return refuse({ path, cause: "readable by group or others; chmod 0400 it" });
      }
      if (size < keyFileBytesMin || size > keyBytesMax) {
        const cause = `${size} bytes; a key has ${keyFileBytesMin} to ${keyBytesMax}`;
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

/** Writes a new key, durably and readable by its owner only; an existing file stays as it is. */
export async function writeNewKey(path: string): Promise<Result<number, KeyProblem>> {
  try {
    const file = await open(path, "wx", 0o400);
    try {
      // The caller's umask may have removed the owner's permission to read.
      await file.chmod(0o400);
      await file.writeFile(randomBytes(keyBytesNew));
      await file.sync();
    } catch (error) {
      await unlink(path);
      throw error;
    } finally {
      await file.close();
    }
    const directory = await open(dirname(path), "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    return accept(keyBytesNew);
  } catch (error) {
    if (causeCode(error) === "EEXIST") {
      return refuse({ path, cause: "exists already and is not overwritten" });
    }
    return refuse({ path, cause: causeText(error) });
  }
}
