/** The hello of the frame seal: its bytes are those of the protocol's description. */
import { test } from "tap";
import { challengeBytes, decodeHello, encodeHello } from "../../src/io/frames/hello-payload.ts";
import { clusterd } from "../../src/membership/ring-codec.js";

const challenge = Buffer.alloc(challengeBytes, "c");
const answer = Buffer.alloc(challengeBytes, "a");

test("a hello is written as ring.proto says, and read again", async (t) => {
  for (const hello of [
    { challenge, answer },
    { challenge, answer: null },
    { challenge: null, answer },
  ]) {
    const bytes = encodeHello(hello);
    t.same(bytes, clusterd.totem.v1.Hello.encode(hello).finish());
    t.same(decodeHello(bytes), { ok: true, value: hello });
  }
});

test("a hello that says nothing, or anything else, is malformed", async (t) => {
  const whole = encodeHello({ challenge, answer });
  const wrong = [Buffer.alloc(0), whole.subarray(1), whole.subarray(0, -1), Buffer.of(10, 1, 99)];
  for (const bytes of [...wrong, Buffer.concat([whole, whole])]) {
    t.same(decodeHello(bytes), { ok: false, problem: "malformed" });
  }
});
