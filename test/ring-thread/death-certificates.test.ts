import { test } from "tap";
import { DeathCertificates } from "../../src/ring-thread/death-certificates.ts";
import { node } from "../membership/frames.ts";
import { incarnation as life } from "../membership/ring-driver.ts";

test("DEATH1, DEATH2: the first copy is a hint, a later one stands, and that is said once", (t) => {
  const certificates = new DeathCertificates();
  t.equal(certificates.hear(node(2), life(7), 1000), "first");
  t.equal(certificates.hear(node(2), life(7), 1010), null, "too soon");
  t.equal(certificates.hear(node(2), life(7), 1020), "stands");
  t.equal(certificates.hear(node(2), life(7), 1040), null);
  t.equal(certificates.hear(node(3), life(7), 1040), "first", "another node");
  t.end();
});

test("DEATH2: a frame of that life refutes the copies before it", (t) => {
  const certificates = new DeathCertificates();
  t.equal(certificates.refute(node(2), life(7)), false, "nothing was said");
  certificates.hear(node(2), life(7), 1000);
  t.equal(certificates.refute(node(2), life(7)), false, "nothing stood");
  t.equal(certificates.hear(node(2), life(7), 1020), "first", "it begins anew");
  t.equal(certificates.refute(node(2), life(8)), false, "a later life may be heard");
  t.equal(certificates.hear(node(2), life(7), 1040), "stands");
  t.equal(certificates.refute(node(2), life(7)), true, "it stood until now");
  t.equal(certificates.hear(node(2), life(7), 1060), "first");
  t.end();
});

test("the certificate of another life says nothing of this one", (t) => {
  const certificates = new DeathCertificates();
  certificates.hear(node(2), life(7), 1000);
  t.equal(certificates.hear(node(2), life(8), 1020), "first");
  t.equal(certificates.hear(node(2), life(8), 1040), "stands");
  t.end();
});
