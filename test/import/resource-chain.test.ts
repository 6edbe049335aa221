/** Resources that must start in one order: side by side where types agree, else nested. */
import * as fc from "fast-check";
import { test } from "tap";
import { type ConfElement, confElement } from "../../src/import/conf-element.ts";
import { chainOf } from "../../src/import/resource-chain.ts";
import { startOrder, stopOrder } from "../../src/services/tree/resource-tree.ts";

const at = { file: "f", line: 1 };
const make = (name: string) => confElement(name, at);

function shape(elements: readonly ConfElement[]): string {
  return elements
    .map(({ name, children }) => (children.length === 0 ? name : `${name}(${shape(children)})`))
    .join(" ");
}

test("the order of rgmanager's types needs no nesting, any other does", async (t) => {
  const shapeOf = (text: string) => shape(chainOf("service", text.split(" ").map(make)));
  t.equal(shapeOf("ip script"), "ip script");
  t.equal(shapeOf("script ip"), "script(ip)");
  t.equal(shapeOf("ocf systemd ocf"), "ocf systemd ocf");
  t.equal(shapeOf("ocf ip"), "ocf(ip)");
  t.equal(shapeOf("ip ocf script ip"), "ip ocf(script ip)");
  t.equal(shapeOf("script script"), "script script");
  t.same(chainOf("service", []), []);
});

type Branch = { readonly type: string; readonly from: ConfElement; readonly children: Branch[] };

test("starts are in that order and stops in the reverse, whatever the types are", async (t) => {
  const branch = (element: ConfElement, all: readonly ConfElement[]): Branch => ({
    type: element.name,
    // The chain copies an element to which it adds children.
    from: all.find(({ at: place }) => place === element.at) ?? element,
    children: element.children.map((child) => branch(child, all)),
  });
  await fc.assert(
    fc.property(
      fc.array(fc.constantFrom("ip", "script", "ocf", "systemd"), { maxLength: 9 }),
      (types) => {
        const all = types.map((name, line) => confElement(name, { file: "f", line }));
        const top = confElement("service", at, { children: chainOf("service", all) });
        const tree = branch(top, all);
        const starts = startOrder<Branch>(tree)
          .slice(1)
          .map(({ from }) => from);
        const stops = stopOrder<Branch>(tree)
          .slice(0, -1)
          .map(({ from }) => from);
        return (
          starts.every((one, index) => one === all[index]) &&
          stops.toReversed().every((one, index) => one === all[index])
        );
      },
    ),
  );
  t.pass("for all");
});
