/** What the performer relies on of the claims of addresses. */
import { type Test, test } from "tap";
import type { ClaimedAddresses } from "../../src/io/network-ports.ts";

export function claimsContract(
  name: string,
  make: (t: Test) => ClaimedAddresses | Promise<ClaimedAddresses>,
): void {
  test(`${name}: an address is claimed however it is written`, async (t) => {
    const claims = await make(t);
    t.equal(claims.has("10.0.0.5"), false);
    t.match(await claims.claim("10.0.0.5"), { ok: true });
    t.match(await claims.claim("FD00:0:0::5"), { ok: true });
    t.equal(claims.has("10.0.0.5"), true);
    t.equal(claims.has("fd00::0:5"), true);
    t.equal(claims.has("10.0.0.6"), false);
  });

  test(`${name}: what was released is nobody's, and can be claimed again`, async (t) => {
    const claims = await make(t);
    await claims.claim("fd00::5");
    claims.release("FD00:0:0::5");
    t.equal(claims.has("fd00::5"), false);
    claims.release("10.0.0.7");
    t.match(await claims.claim("fd00::5"), { ok: true });
    t.equal(claims.has("fd00::5"), true);
  });

  test(`${name}: claims at once are all kept, and answered later`, async (t) => {
    const claims = await make(t);
    const wanted = Array.from({ length: 30 }, (_, at) => `10.0.1.${at}`);
    let answered = 0;
    const all = wanted.map((address) =>
      claims.claim(address).then(({ ok }) => {
        answered += ok ? 1 : 0;
      }),
    );
    t.equal(answered, 0, "not within the call");
    await Promise.all(all);
    t.equal(answered, 30);
    t.ok(wanted.every((address) => claims.has(address)));
  });
}
