/**
 * Protects the payload of one frame: with AES-256-GCM, or not at all if the cluster has secauth
 * off. frame-seal.ts judges senders and replays.
 * Source: NIST SP 800-38D (GCM), RFC 5869 (HKDF).
 * The native implementation and that of node:crypto give the same bytes; the native one is faster
 * and may be missing.
 * CIPHER1  A nonce is never used twice with one key: each life of a node has its own key, and the
 *     frames of a life are numbered.
 */

import type { KeyObject } from "node:crypto";
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from "node:crypto";
import { tagBytes, writeUint53 } from "./frame-header.ts";
import type { NativeGcm } from "./native-gcm.ts";

/** The life of a node to which a key belongs. */
export type KeyOwner = { readonly node: number; readonly incarnation: number };

/** `header` is authenticated along with the payload. */
export type FramePart = {
  readonly header: Uint8Array;
  readonly counter: number;
  readonly body: Uint8Array;
};

export type FrameCipher = {
  /** Returns body and tag, in one or more parts. */
  readonly protect: (frame: FramePart) => readonly Uint8Array[];
  /** `body` ends with the tag; null when it is not authentic. */
  readonly unprotect: (frame: FramePart) => Uint8Array | null;
};

export type CipherSource = (owner: KeyOwner) => FrameCipher;

const algorithm = "aes-256-gcm";
const plainTag = Buffer.alloc(tagBytes);

/** Derives the key of each life of each node from the cluster's key. */
export function gcmCiphers(
  clusterKey: Uint8Array,
  clusterName: string,
  native: NativeGcm | null,
): CipherSource {
  return ({ node, incarnation }) => {
    const salt = Buffer.alloc(12);
    writeUint53(salt, incarnation, 0);
    salt.writeUInt32BE(node, 8);
    const purpose = `clusterd/totem/1${clusterName}`;
    const key = Buffer.from(hkdfSync("sha256", clusterKey, salt, purpose, 32));
    return native === null ? gcmCipher(createSecretKey(key)) : nativeCipher(native, key);
  };
}

export function plainCiphers(): CipherSource {
  const cipher: FrameCipher = {
    protect: ({ body }) => [body, plainTag],
    unprotect: ({ body }) => {
      const end = body.length - tagBytes;
      return plainTag.equals(body.subarray(end)) ? body.subarray(0, end) : null;
    },
  };
  return () => cipher;
}

function nativeCipher(native: NativeGcm, key: Uint8Array): FrameCipher {
  const nonce = nonces();
  return {
    protect: ({ header, counter, body }) => [
      native.seal({ key, nonce: nonce(counter), header }, body),
    ],
    unprotect: ({ header, counter, body }) =>
      native.open({ key, nonce: nonce(counter), header }, body),
  };
}

function gcmCipher(key: KeyObject): FrameCipher {
  const nonce = nonces();
  return {
    protect: ({ header, counter, body }) => {
      const cipher = createCipheriv(algorithm, key, nonce(counter));
      cipher.setAAD(header);
      const sealed = cipher.update(body);
      cipher.final();
      return [sealed, cipher.getAuthTag()];
    },
    unprotect: ({ header, counter, body }) => {
      const end = body.length - tagBytes;
      const decipher = createDecipheriv(algorithm, key, nonce(counter), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(header);
      decipher.setAuthTag(body.subarray(end));
      const opened = decipher.update(body.subarray(0, end));
      try {
        decipher.final();
        return opened;
      } catch {
        return null;
      }
    },
  };
}

/** Returns the nonce of a counter in a buffer that the next call overwrites. */
function nonces(): (counter: number) => Uint8Array {
  const bytes = Buffer.alloc(12);
  return (counter) => {
    writeUint53(bytes, counter, 4);
    return bytes;
  };
}
