import { addToCompose, addToTls } from "./compose-entries.ts";
import { after, before, urlsVariable, type Edit, type Names } from "./insert.ts";

/** What changes outside the service's folder, in this order. `piece` is a filled file of the template. */
export function edits(
  names: Names,
  piece: (file: string) => string,
): Readonly<Record<string, Edit>> {
  const { service, item, items } = names;
  const Item = item.charAt(0).toUpperCase() + item.slice(1);
  return {
    "shared-contracts/src/services.ts": (text) =>
      before(text, /^\} as const satisfies Record<string, Service>;$/m, registryEntry(names)),
    [`shared-contracts/src/${item}.ts`]: () => piece("contract.ts"),
    "shared-contracts/src/event.ts": (text) => addEvent(text, item),
    "gateway/src/routes.ts": (text) =>
      before(
        after(
          text,
          /^import .* from "@shop\/contracts\/page";$/m,
          `import { ${item}Page } from "@shop/contracts/${item}";\n`,
        ),
        /^ {2}\{ method: "GET", path: "\/health"/m,
        `  {
    method: "GET",
    path: "/${items}",
    query: pageQuery,
    operation: {
      id: "list${Item}s",
      tag: "${Item}s",
      summary: "List ${items}, newest orders first",
      answers: {
        200: {
          description: "A page; \`nextCursor\` is null on the last one",
          data: ${item}Page,
          examples: { page: { items: [${EXAMPLE}], nextCursor: null } },
        },
      },
      errors: ["BAD_REQUEST"],
    },
    answeredBy: "${service}",
  },
`,
      ),
    "docker-compose.yml": (text) => addToCompose(text, names, piece),
    "deploy/compose/tls.yml": (text) => addToTls(text, names, piece),
    "package-lock.json": (text) => addToLockfile(text, service, piece("package.json")),
    "postman/order-system.postman_collection.json": (text) => addRequest(text, names),
  };
}

const EXAMPLE = `{ orderId: "019a9f4e-7d2c-7f00-8a51-3c1d5e7f9b20", createdAt: "2026-11-20T10:15:30.123Z" }`;

const registryEntry = (names: Names): string => `  "${names.service}": {
    port: ${names.port},
    urlsVariable: "${urlsVariable(names)}",
    database: "${names.items}",${names.redis ? `\n    redisKeys: ["${names.items}:*"],` : ""}
    consumes: ["order.updated"],
    publishes: { "${names.item}.created": "an order is done, and has got its ${names.item}" },
    unconsumed: ["${names.item}.created"],
  },
`;

function addEvent(text: string, item: string): string {
  const name = `${item}Created`;
  const imported = after(
    text,
    /^import .* from "\.\/product\.ts";$/m,
    `import { ${item} } from "./${item}.ts";\n`,
  );
  const declared = before(
    imported,
    /^export const EVENTS = \{$/m,
    `export const ${name} = envelope("${item}.created", ${item});\n\n`,
  );
  return before(
    declared,
    /^\} as const;\n\nexport type EventType/m,
    `  "${item}.created": ${name},\n`,
  );
}

/** As npm writes it, without a registry: the packages are those of the other services. */
function addToLockfile(text: string, service: string, manifest: string): string {
  const lock = JSON.parse(text) as { packages: Record<string, object> };
  const { version, dependencies, devDependencies } = JSON.parse(manifest) as Record<string, object>;
  lock.packages[service] = { version, dependencies, devDependencies };
  lock.packages[`node_modules/${service}`] = { resolved: service, link: true };
  const { "": root, ...packages } = lock.packages;
  const sorted = Object.entries(packages).toSorted(([one], [other]) =>
    one.localeCompare(other, "en"),
  );
  lock.packages = { "": root!, ...Object.fromEntries(sorted) };
  return `${JSON.stringify(lock, null, 2)}\n`;
}

interface Collection {
  event: { script: { exec: string[] } }[];
  item: { name: string; item: object[] }[];
}

function addRequest(text: string, { items, service }: Names): string {
  const collection = JSON.parse(text) as Collection;
  const lines = collection.event.flatMap(({ script }) => script.exec);
  const kinds = lines.find((line) => line.startsWith("const KINDS = ["));
  if (kinds === undefined) throw new Error("there is no line with KINDS");
  for (const { script } of collection.event) {
    script.exec = script.exec.map((line) =>
      line === kinds ? line.replace("];", `, ["orderId", "createdAt"]];`) : line,
    );
  }
  const exec = [
    `pm.test("${items} are listed", () => {`,
    "  pm.response.to.have.status(200);",
    `  pm.expect(pm.response.json().data.items).to.be.an("array");`,
    "});",
  ];
  collection.item.push({
    name: `${collection.item.length + 1} ${service}`,
    item: [
      {
        name: `List ${items}`,
        event: [{ listen: "test", script: { type: "text/javascript", exec } }],
        request: { method: "GET", header: [], url: `{{baseUrl}}/${items}` },
      },
    ],
  });
  return `${JSON.stringify(collection, null, 2)}\n`;
}
