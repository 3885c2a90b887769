// Bundles src/ into static/: hashed names, and manifest.json from an entry's name to the file it became.
import { build } from "esbuild";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../src/caudal/web/static");

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const made = await build({
  absWorkingDir: here,
  entryPoints: ["src/app.ts", "src/app.css", "src/icon.svg"],
  loader: { ".svg": "copy" },
  outdir: out,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome123", "firefox128", "safari17.5"], // the first with light-dark(); Baseline since May 2024
  minify: true,
  legalComments: "none", // the licences of what is bundled lie beside it, whole
  metafile: true,
  logLevel: "warning",
});

const { dependencies } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
const licences = Object.entries(dependencies).map(async ([name, version]) => {
  const folder = join(here, "node_modules", name);
  const file = (await readdir(folder)).find((found) => /^licen[cs]e/i.test(found));
  if (!file) throw new Error(`${name} says no licence`);
  return `${name} ${version}\n\n${await readFile(join(folder, file), "utf8")}`;
});
await writeFile(join(out, "licences.txt"), (await Promise.all(licences)).join("\n\n"));

const manifest = {};
for (const [path, { entryPoint }] of Object.entries(made.metafile.outputs)) {
  // What is fetched later by a script has its address there.
  if (/^src\/(app|icon)\./.test(entryPoint ?? "")) {
    manifest[basename(entryPoint).replace(/\.ts$/, ".js")] = basename(path);
  }
}
// Last: whoever finds it finds all the rest.
await writeFile(join(out, "manifest.json"), JSON.stringify(manifest, null, 1) + "\n");
