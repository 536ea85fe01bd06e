// Builds what the browser gets into ../static, or into the folder that is named: the same source gives the same bytes.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "..", "static");
await mkdir(target, { recursive: true });
const shared = { bundle: true, minify: true, charset: "utf8", legalComments: "none", logLevel: "warning" };
await build({
  ...shared,
  entryPoints: [join(here, "src", "main.ts")],
  outfile: join(target, "app.js"),
  format: "esm",
  target: "es2022",
});
await build({ ...shared, entryPoints: [join(here, "src", "style.css")], outfile: join(target, "app.css") });
await copyFile(join(here, "src", "index.html"), join(target, "index.html"));

const notes = ["What app.js and app.css hold of others, with their licences.\n"];
for (const name of ["uplot", "@dagrejs/dagre", "@dagrejs/graphlib"]) {
  const folder = join(here, "node_modules", name);
  const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  notes.push(`${name} ${version}\n\n${(await readFile(join(folder, "LICENSE"), "utf8")).trim()}\n`);
}
await writeFile(join(target, "LICENCES.txt"), notes.join("\n----\n\n"));
