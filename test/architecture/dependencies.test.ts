import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readSource } from "./source-files.ts";

/** Security rule R36: what is installed is what was looked at. */

const Versions = z.record(z.string(), z.string()).default({});
const Manifest = z.object({
  dependencies: Versions,
  devDependencies: Versions,
  allowScripts: z.record(z.string(), z.boolean()),
});
const Lock = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      resolved: z.string().optional(),
      integrity: z.string().optional(),
      hasInstallScript: z.boolean().optional(),
      link: z.boolean().optional(),
      optional: z.boolean().optional(),
      inBundle: z.boolean().optional(),
      dependencies: Versions,
      devDependencies: Versions,
    }),
  ),
});

const manifest = Manifest.parse(JSON.parse(readSource("package.json")));
const { packages } = Lock.parse(JSON.parse(readSource("package-lock.json")));
const installed = Object.entries(packages).filter(([path]) => path !== "");
const nameOf = (path: string): string => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);

/** Packages that bring a script; npm 12 runs that of the first alone, which the manifest allows, and the others do without. */
const LOOKED_AT: ReadonlySet<string> = new Set(["node", "esbuild", "msgpackr-extract"]);

describe("what is installed", () => {
  it("is named with exact versions, and the lockfile says the same", () => {
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      ([, version]) => !/^(npm:@?[\w/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(loose).toEqual([]);
    expect(packages[""]?.dependencies).toEqual(manifest.dependencies);
    expect(packages[""]?.devDependencies).toEqual(manifest.devDependencies);
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
      expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, version.replace(/^npm:.*@/, "")]);
  });

  it("has a checksum, and comes from no repository and no address of its own", () => {
    expect(installed.length).toBeGreaterThan(100);
    const odd = installed.filter(
      ([, { resolved = "", integrity = "", link, inBundle }]) =>
        inBundle !== true && (link === true || /^(git|file|http:)/.test(resolved) || !integrity.startsWith("sha512-")),
    );
    expect(odd.map(([path]) => path)).toEqual([]);
    const hosts = installed.flatMap(([, { resolved }]) => (resolved === undefined ? [] : new URL(resolved).host));
    expect(new Set(hosts).size).toBeLessThanOrEqual(1);
  });

  it("brings no script that nobody has looked at, and one alone may run", () => {
    expect(manifest.allowScripts).toEqual({ node: true });
    const scripted = installed.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(scripted.map(([path]) => nameOf(path)).filter((name) => !LOOKED_AT.has(name))).toEqual([]);
  });

  it("is what the continuous integration installs, from the lockfile", () => {
    expect(readSource(".ci/run")).toMatch(/^npm ci /m);
  });
});
