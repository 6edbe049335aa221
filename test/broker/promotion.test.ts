// "Is there another primary?", asked by conf/init.d/qpidd-primary: no answer is not "no".
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Test, test } from "tap";
import { run } from "../netns/child.ts";

const script = join(dirname(fileURLToPath(import.meta.url)), "../../../conf/init.d/qpidd-primary");
const [own, second, third] = ["127.0.0.1:5001", "192.0.2.2:5672", "192.0.2.3:5672"] as const;

/**
 * Answers from one file for each broker: seconds until the answer, and the answer. Like the
 * original it says why there is none, asks one after the other for `--all`, and is `active` after a
 * promotion. What is in `then` replaces an answer when it has been given once.
 */
const qpidHa = `#!/bin/sh
directory=$(dirname "$0")
echo "$*" >>"$directory/calls"
broker=${own} limit=10 word= all=
while [ $# -gt 0 ]; do
  case $1 in
  --broker)
    broker=$2
    case $broker in *:*) ;; *) broker=$broker:5672 ;; esac
    shift ;;
  --timeout) limit=$2; shift ;;
  --config) shift ;;
  --all) all=yes ;;
  --is-primary) word=is-primary ;;
  status | promote | ping) command=$1 ;;
  esac
  shift
done
answer() {
  read -r delay text <"$directory/answers/$1"
  [ -e "$directory/then/$1" ] && mv "$directory/then/$1" "$directory/answers/$1"
  if [ "$delay" -ge "$limit" ]; then
    sleep "$limit"
    text="Timeout: Connection attach timed out"
  else
    sleep "$delay"
  fi
  echo "$text"
}
if [ "$command" = promote ]; then
  echo "0 active" >"$directory/answers/$broker"
  exit 0
fi
if [ -n "$all" ]; then
  for one in ${own} ${second} ${third}; do echo "$one $(answer $one)"; done
  exit 0
fi
state=$(answer $broker)
case $state in
active | recovering) [ -n "$word" ] || echo "$state"; exit 0 ;;
joining | catchup | ready | standalone) [ -n "$word" ] && exit 1; echo "$state"; exit 0 ;;
*) echo "$state"; exit 1 ;;
esac
`;

type Answers = Readonly<Record<string, string>>;

function prepare(t: Test, answers: Answers, then: Answers = {}) {
  const directory = t.testdir();
  const program = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    chmodSync(join(directory, name), 0o755);
  };
  program("qpidd", "#!/bin/sh\nexit 0\n");
  program("qpid-ha", qpidHa);
  for (const [folder, texts] of Object.entries({ answers, then })) {
    mkdirSync(join(directory, folder));
    for (const [address, text] of Object.entries(texts)) {
      writeFileSync(join(directory, folder, address), `${text}\n`);
    }
  }
  const addresses = [own, second, third].map((address) => address.replace(":5672", ""));
  const settings = `port=5001\nha-cluster=yes\nha-brokers-url=amqp:${addresses.join(",")}\n`;
  writeFileSync(join(directory, "qpidd.conf"), settings);
  const start = (environment: NodeJS.ProcessEnv = {}) =>
    run([script, "start"], {
      env: {
        PATH: process.env["PATH"],
        QPID_INIT: join(directory, "qpidd"),
        QPID_HA: join(directory, "qpid-ha"),
        QPID_CONFIG: join(directory, "qpidd.conf"),
        QPID_PID_FILE: join(directory, "pid"),
        ...environment,
      },
      timeoutMs: 60_000,
    });
  const calls = () => {
    const file = join(directory, "calls");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  };
  const promoted = () => calls().some((call) => call.startsWith("promote"));
  return { start, calls, promoted };
}

const refused = "0 [Errno 111] Connection refused";

test("two starts of qpid-ha promote a broker whose peers are backups", async (t) => {
  const { start, calls } = prepare(t, { [own]: "0 ready", [second]: "0 ready", [third]: refused });
  t.match(await start(), { code: 0, stdout: /Promoting qpidd: OK/ });
  t.equal(calls().length, 2, calls().join("\n"));
});

test("a primary that is slow to answer is one", async (t) => {
  const { start, promoted } = prepare(t, {
    [own]: "0 ready",
    [second]: "4 active",
    [third]: "0 ready",
  });
  t.match(await start(), { code: 7, stdout: /FAILED.*there is a primary at 192\.0\.2\.2/ });
  t.notOk(promoted());
});

test("nobody is promoted while a broker does not answer", async (t) => {
  const { start, promoted } = prepare(t, {
    [own]: "0 ready",
    [second]: "3600 active",
    [third]: "0 ready",
  });
  const end = await start({ QPID_PEER_WAIT: "3", QPID_HA_TIMEOUT: "1", QPID_PEER_TIMEOUT: "1" });
  t.match(end, { code: 7, stdout: /FAILED.*192\.0\.2\.2:5672 may be a primary: Timeout/ });
  t.notOk(promoted());
});

test("an answer that nobody understands is none", async (t) => {
  const { start, promoted } = prepare(t, {
    [own]: "0 ready",
    [second]: "0 AuthenticationFailure: Authentication failed",
    [third]: "0 ready",
  });
  const end = await start({ QPID_PEER_WAIT: "1" });
  t.match(end, { code: 7, stdout: /192\.0\.2\.2:5672 may be a primary: Authentication/ });
  t.notOk(promoted());
});

test("a broker that answers later is waited for", async (t) => {
  const answers = { [own]: "0 ready", [second]: "3600 ready", [third]: "0 ready" };
  const { start } = prepare(t, answers, { [second]: "0 ready" });
  const end = await start({ QPID_PEER_TIMEOUT: "1" });
  t.match(end, { code: 0, stdout: /Promoting qpidd: OK/ });
});

test("a broker on a node that clusterd knows to be off need not answer", async (t) => {
  const silent = { [own]: "0 ready", [second]: "3600 active", [third]: "0 ready" };
  const { start, calls } = prepare(t, silent);
  t.match(await start({ CLUSTERD_NODES_OFF: "192.0.2.2" }), { code: 0 });
  t.notOk(
    calls().some((call) => call.includes(second) || call.includes("--all")),
    "nor is it asked",
  );
});

test("a broker with another address than its node is found by the operator's table", async (t) => {
  const silent = { [own]: "0 ready", [second]: "3600 active", [third]: "0 ready" };
  const { start } = prepare(t, silent);
  const settings = { QPID_PEER_WAIT: "2", QPID_PEER_TIMEOUT: "1", QPID_HA_TIMEOUT: "1" };
  const off = { CLUSTERD_NODES_OFF: "node2.cluster.invalid", ...settings };
  t.match(await start(off), { code: 7, stdout: /QPID_BROKER_NODES/ });
  const table = "192.0.2.3=node3.cluster.invalid 192.0.2.2=node2.cluster.invalid";
  t.match(await start({ ...off, QPID_BROKER_NODES: table }), { code: 0 });
});

test("a broker that is joining yields to one that has more", async (t) => {
  const { start, promoted } = prepare(t, {
    [own]: "0 joining",
    [second]: "0 ready",
    [third]: refused,
  });
  t.match(await start(), { code: 7, stdout: /192\.0\.2\.2:5672 is ready, this one is joining/ });
  t.notOk(promoted());
});

test("a primary is left as it is, whoever is silent", async (t) => {
  const { start, promoted } = prepare(t, {
    [own]: "0 active",
    [second]: "3600 ready",
    [third]: "0 ready",
  });
  t.match(await start({ QPID_PEER_TIMEOUT: "1" }), { code: 0, stdout: /is primary/ });
  t.notOk(promoted());
});

test("a second primary is not called a success", async (t) => {
  const { start } = prepare(t, { [own]: "0 active", [second]: "0 active", [third]: "0 ready" });
  t.match(await start(), { code: 1, stdout: /there is a primary at 192\.0\.2\.2/ });
});

test("a broker that is no member of a cluster is not promoted", async (t) => {
  const { start, promoted } = prepare(t, {
    [own]: "0 standalone",
    [second]: refused,
    [third]: refused,
  });
  t.match(await start({ QPID_PEER_WAIT: "1" }), { code: 7, stdout: /standalone/ });
  t.notOk(promoted());
});
