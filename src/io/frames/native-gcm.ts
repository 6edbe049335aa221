/**
 * AES-256-GCM through koffi, by the OpenSSL that is loaded with Node. It takes a fifth of the time
 * of `node:crypto`, which creates several objects for each frame. Without koffi, or if Node does
 * not export OpenSSL's functions, `node:crypto` does the same work.
 * Source: EVP_EncryptInit(3), sections on GCM.
 * Tested in: test/io/frame-cipher.test.ts
 * GCM1  No state is kept between calls: key and nonce are set each time, so that forged frames
 *     cannot make cipher contexts accumulate.
 */
import { accept, invariant, type Result, refuse } from "../../model/outcome.ts";
import { causeText } from "../os-error.ts";

/** 32 bytes of key, 12 of nonce, and the header that is authenticated with the body. */
export type GcmInput = {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly header: Uint8Array;
};

export type NativeGcm = {
  /** Returns the encrypted body followed by its tag. */
  readonly seal: (input: GcmInput, body: Uint8Array) => Uint8Array;
  /** `sealed` ends with the tag; null when it is not authentic. */
  readonly open: (input: GcmInput, sealed: Uint8Array) => Uint8Array | null;
};

const gcmTagBytes = 16;
const getTag = 0x10;
const setTag = 0x11;

type Call = (...values: unknown[]) => unknown;
type Library = { readonly func: (declaration: string) => Call };

/** Refuses, with the reason, if OpenSSL cannot be loaded or fails the test. */
export async function loadNativeGcm(): Promise<Result<NativeGcm, string>> {
  try {
    const { default: koffi } = await import("koffi");
    const gcm = bindings(koffi.load(null));
    return provesItself(gcm) ? accept(gcm) : refuse("OpenSSL does not answer as expected");
  } catch (error) {
    return refuse(causeText(error));
  }
}

function bindings(library: Library): NativeGcm {
  const context = (): unknown => library.func("void *EVP_CIPHER_CTX_new()")();
  const algorithm = library.func("void *EVP_aes_256_gcm()")();
  const control = library.func("int EVP_CIPHER_CTX_ctrl(void *, int, int, uint8_t *)");
  const encryption = direction(library, "Encrypt", { context: context(), algorithm });
  const decryption = direction(library, "Decrypt", { context: context(), algorithm });
  return {
    seal: (input, body) => {
      const sealed = Buffer.allocUnsafe(body.length + gcmTagBytes);
      const done =
        encryption.begin(input) &&
        encryption.update(sealed, body, body.length) &&
        encryption.end(sealed) &&
        control(encryption.context, getTag, gcmTagBytes, sealed.subarray(body.length)) === 1;
      invariant(done, "GCM1: OpenSSL refuses to encrypt");
      return sealed;
    },
    open: (input, sealed) => {
      const length = sealed.length - gcmTagBytes;
      if (length < 0) return null;
      const body = Buffer.allocUnsafe(length);
      const authentic =
        decryption.begin(input) &&
        decryption.update(body, sealed, length) &&
        control(decryption.context, setTag, gcmTagBytes, sealed.subarray(length)) === 1 &&
        decryption.end(body);
      return authentic ? body : null;
    },
  };
}

/** One direction, encryption or decryption, which have the same three steps. */
function direction(
  library: Library,
  verb: "Encrypt" | "Decrypt",
  { context, algorithm }: { readonly context: unknown; readonly algorithm: unknown },
) {
  const pointers = "void *, void *, void *, uint8_t *, uint8_t *";
  const init = library.func(`int EVP_${verb}Init_ex(${pointers})`);
  const update = library.func(`int EVP_${verb}Update(void *, uint8_t *, int *, uint8_t *, int)`);
  const final = library.func(`int EVP_${verb}Final_ex(void *, uint8_t *, int *)`);
  const written = new Int32Array(1);
  // The algorithm is set once; key and nonce are set for each frame.
  invariant(init(context, algorithm, null, null, null) === 1, "GCM1: OpenSSL has no AES-256-GCM");
  return {
    context,
    begin: ({ key, nonce, header }: GcmInput) =>
      init(context, null, null, key, nonce) === 1 &&
      update(context, null, written, header, header.length) === 1,
    update: (to: Uint8Array, from: Uint8Array, length: number) =>
      length === 0 || update(context, to, written, from, length) === 1,
    end: (to: Uint8Array) => final(context, to, written) === 1,
  };
}

/** Tests that a sealed body opens again, and that it does not after one bit was changed. */
function provesItself(gcm: NativeGcm): boolean {
  const input = { key: Buffer.alloc(32, 1), nonce: Buffer.alloc(12, 2), header: Buffer.alloc(28) };
  const body = Buffer.from("a frame");
  const sealed = gcm.seal(input, body);
  const opened = gcm.open(input, sealed);
  sealed[0] = (sealed[0] ?? 0) ^ 1;
  return opened !== null && body.equals(opened) && gcm.open(input, sealed) === null;
}
