/** Which names are secrets, and what of an agent's output may be repeated. */
import { test } from "tap";
import { isSecret, maskSecrets } from "../../src/model/secrets.ts";
import { printableOutput } from "../../src/services/agents/agent-output.ts";

test("the names of secrets of the agents that there are", async (t) => {
  const secrets = [
    ...["passwd", "password", "snmp_priv_passwd", "community", "secret_key", "token", "pve_token"],
    ...[
      "apikey",
      "api-key",
      "passphrase",
      "access_key",
      "auth_key",

      "admin_pass",
      "pin",
    ],
    ...["client_secret", "param.password", "encryption_key", "Password"],
  ];
  t.same(
    secrets.filter((name) => !isSecret(name)),
    [],
  );
  const others = [
    ...[
      "login",
      "ipaddr",
      "port",
      "action",
      "passwd_script",
      "identity_file",
      "key",
      "tokenizer_path",
    ],
    ...["snmp_auth_prot", "bypass", "file", "name", "ssl", "compass", "pinned"],
  ];
  t.same(others.filter(isSecret), []);
});

test("secrets are masked wherever they stand", async (t) => {
  const secret = [
    ["passwd", "hunter2"],
    ["login", "admin"],
    ["ipaddr", "10.0.0.9"],
  ] as const;
  t.equal(
    maskSecrets(secret, "login admin:hunter2 at 10.0.0.9 failed (hunter2)"),
    "login admin:*** at 10.0.0.9 failed (***)",
  );
});

test("an empty secret masks nothing", async (t) => {
  t.equal(maskSecrets([["passwd", ""]], "no answer"), "no answer");
});

test("a secret that begins with another one is masked as a whole", async (t) => {
  const secrets = [
    ["passwd", "winter"],
    ["snmp_priv_passwd", "winter2013"],
  ] as const;
  t.equal(maskSecrets(secrets, "key winter2013 refused"), "key *** refused");
});

test("what is left of a secret where the output was cut is masked, too", async (t) => {
  const secret = [["passwd", "hunter2"]] as const;
  t.equal(maskSecrets(secret, "nter2 refused, hunter2"), "*** refused, ***");
  t.equal(maskSecrets(secret, "r2 is no word"), "r2 is no word");
});

test("a secret is found as it is written in addresses and in JSON", async (t) => {
  const secret = [["api_key", 'a b"c/d']] as const;
  t.equal(
    maskSecrets(secret, 'GET /?key=a%20b%22c%2Fd {"key":"a b\\"c/d"} a b"c/d'),
    'GET /?key=*** {"key":"***"} ***',
  );
});

test("an agent's output is one line without secrets, and no terminal obeys it", async (t) => {
  const secret = [["community", "hunter2"]] as const;
  const output = `${"x".repeat(40)} hunter2\n\u001b[31mred\u0007\r\n`;
  t.equal(printableOutput(secret, output, 24), "xxxxxxxxxx *** \\x1b[31mred\\x07");
});
