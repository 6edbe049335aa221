/** Which services go on when their node loses quorum, by what the file says of them. */
import { test } from "tap";
import { parseClusterConf } from "./parsed-conf.ts";

type Case = {
  readonly title: string;
  readonly rm?: string;
  readonly domain?: string;
  readonly service?: string;
  readonly resources?: string;
  readonly bound: boolean;
};

const script = '<script name="a" file="/etc/init.d/a"/>';

const cases: readonly Case[] = [
  { title: "a script that only one node may run", bound: true },
  { title: "a unit", resources: '<systemd name="u" unit="u.service"/>', bound: true },
  { title: "a mount unit", resources: '<systemd name="u" unit="srv.mount"/>', bound: false },
  {
    title: "an OCF agent that holds nothing",
    resources: '<ocf name="d" agent="heartbeat:Dummy"/>',
    bound: true,
  },
  {
    title: "an OCF agent with a file system",
    resources: '<ocf name="f" agent="heartbeat:Filesystem"/>',
    bound: false,
  },
  {
    title: "an OCF agent with an address",
    resources: '<ocf name="i" agent="ocf:heartbeat:IPaddr2"/>',
    bound: false,
  },
  { title: "an address", resources: `<ip address="10.0.0.9"/>${script}`, bound: false },
  {
    title: "an address below a script",
    resources: '<script name="a" file="/etc/init.d/a"><ip address="10.0.0.9"/></script>',
    bound: false,
  },
  { title: "an exclusive service", service: 'exclusive="1"', bound: false },
  { title: "one that ends with another one", service: 'depend="service:other"', bound: false },
  {
    title: "one that only starts after another one",
    service: 'depend="service:other" depend_mode="soft"',
    bound: true,
  },
  { title: "a domain that is only preferred", domain: 'restricted="0"', bound: false },
  { title: "rgmanager's rule", rm: 'quorum_loss="stop-all"', bound: false },
  { title: "the default by its name", rm: 'quorum_loss="bound"', bound: true },
];

function confOf({ rm = "", domain = 'restricted="1"', service = "", resources }: Case): string {
  return `<cluster name="c" config_version="1">
  <clusternodes>
    <clusternode name="n1" nodeid="1"/><clusternode name="n2" nodeid="2"/>
  </clusternodes>
  <rm ${rm}>
    <failoverdomains>
      <failoverdomain name="one" ${domain}><failoverdomainnode name="n1"/></failoverdomain>
    </failoverdomains>
    <service name="s" domain="one" ${service}>${resources ?? script}</service>
    <service name="other"><script name="o" file="/etc/init.d/o"/></service>
  </rm></cluster>`;
}

for (const one of cases) {
  test(`${one.title} ${one.bound ? "goes on" : "is stopped"}`, async (t) => {
    const { conf, complaints } = parseClusterConf(confOf(one), { file: "c.conf" });
    t.not(conf, null, JSON.stringify(complaints));
    const services = conf?.services.services ?? [];
    t.equal(services.find(({ name }) => name === "service:s")?.boundTo, one.bound ? 1 : null);
  });
}

test("a domain of two nodes binds no service", async (t) => {
  const two = confOf({ title: "", bound: false }).replace(
    '<failoverdomainnode name="n1"/>',
    '<failoverdomainnode name="n1"/><failoverdomainnode name="n2"/>',
  );
  const { conf } = parseClusterConf(two, { file: "c.conf" });
  t.same(
    conf?.services.services.map(({ boundTo }) => boundTo),
    [null, null],
  );
});
