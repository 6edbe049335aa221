import { test } from "tap";
import { type FrameCipher, gcmCiphers } from "../../src/io/frames/frame-cipher.ts";
import { headerBytes } from "../../src/io/frames/frame-header.ts";
import { keyFromName } from "../../src/io/frames/key-file.ts";
import { loadNativeGcm } from "../../src/io/frames/native-gcm.ts";

const native = await loadNativeGcm();
const owner = { node: 2, incarnation: 1000 };
const header = Buffer.alloc(headerBytes, 3);

function cipher(way: "node" | "native", key = "secret"): FrameCipher {
  const calls = way === "native" && native.ok ? native.value : null;
  return gcmCiphers(keyFromName(key), "qpid-test", calls)(owner);
}

function sealed(by: FrameCipher, body: Uint8Array, counter = 7): Buffer {
  return Buffer.concat(by.protect({ header, counter, body }));
}

const ways = native.ok ? (["node", "native"] as const) : (["node"] as const);
for (const way of ways) {
  test(`${way}: frames of every length open again`, (t) => {
    for (const length of [0, 1, 15, 16, 17, 1400, 9000]) {
      const body = Buffer.alloc(length, length);
      const opened = cipher(way).unprotect({ header, counter: 7, body: sealed(cipher(way), body) });
      t.same(opened, body, `${length} bytes`);
    }
    t.end();
  });

  test(`${way}: a bit changed anywhere, or another counter, header or key, does not open`, (t) => {
    const frame = sealed(cipher(way), Buffer.from("promote"));
    for (let at = 0; at < frame.length; at += 1) {
      const body = Buffer.from(frame);
      body[at] = (body[at] ?? 0) ^ 1;
      t.equal(cipher(way).unprotect({ header, counter: 7, body }), null, `byte ${at}`);
    }
    t.equal(cipher(way).unprotect({ header, counter: 8, body: frame }), null);
    const otherHeader = Buffer.alloc(headerBytes, 4);
    t.equal(cipher(way).unprotect({ header: otherHeader, counter: 7, body: frame }), null);
    t.equal(cipher(way, "other").unprotect({ header, counter: 7, body: frame }), null);
    t.not(cipher(way).unprotect({ header, counter: 7, body: frame }), null, "unchanged it opens");
    t.end();
  });

  test(`${way}: a failed frame between two leaves no trace in them`, (t) => {
    const one = cipher(way);
    const frames = ["first", "second"].map((text, at) => sealed(one, Buffer.from(text), at + 1));
    t.equal(one.unprotect({ header, counter: 9, body: Buffer.alloc(40) }), null);
    for (const [at, body] of frames.entries()) {
      const opened = one.unprotect({ header, counter: at + 1, body });
      t.equal(opened && Buffer.from(opened).toString(), ["first", "second"][at]);
    }
    t.end();
  });
}

test("both ways make the same bytes", { skip: native.ok ? false : native.problem }, (t) => {
  for (const length of [0, 1, 100, 1400]) {
    const body = Buffer.alloc(length, 9);
    t.same(sealed(cipher("node"), body), sealed(cipher("native"), body));
  }
  t.end();
});
