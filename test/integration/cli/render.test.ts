import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RENDERED_PLATFORMS } from "../../../src/app-platforms.ts";
import { runParley } from "./run-parley.ts";

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), "parley-render-"));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const run = (args: readonly string[], input?: string) =>
  runParley(["render", ...args], { cwd, ...(input === undefined ? {} : { input }) });
const REPLY = {
  parts: [
    { type: "text", markdown: "Hi [there](https://docs.example/a)\n\n![a picture](https://x.example/p.png)" },
    { type: "artifact", artifactId: "f", name: "a.bin", mediaType: "text/plain", base64: "A".repeat(4_000) },
  ],
};

describe("parley render", () => {
  test.each([...RENDERED_PLATFORMS])(
    "shows the posts of %s and what they cannot show, and writes nothing",
    async (platform) => {
      const answer = await run(["--platform", platform, "--json", "-"], JSON.stringify(REPLY));
      expect(answer).toMatchObject({ code: 0, stderr: "" });
      const shown: unknown = JSON.parse(answer.stdout);
      expect(shown).toMatchObject({
        platform,
        losses: expect.arrayContaining([{ part: 0, what: "image by its address", shownAs: expect.any(String) }]),
      });
      expect(shown).toHaveProperty("posts.0.fallbackText");
    },
  );

  test("reads a file, leaves bytes out for people and keeps listed links", async () => {
    const file = path.join(cwd, "reply.json");
    writeFileSync(file, JSON.stringify(REPLY));
    const { code, stdout } = await run([
      file,
      "--platform",
      "slack",
      "--link-host",
      "docs.example",
      "--link-host",
      "b.example",
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("Post 2 of 2");
    expect(stdout).toContain('"base64": "(3000 bytes)"');
    expect(stdout).toContain("[there](https://docs.example/a)");
    expect(stdout).toMatch(/0 +image by its address +its description/u);
    expect(stdout).not.toMatch(/0 +link/u);
  });

  test.each([
    [
      "an unknown platform",
      ["--platform", "icq", "-"],
      JSON.stringify(REPLY),
      "icq is none of discord, matrix, slack, web",
    ],
    ["no platform", ["-"], JSON.stringify(REPLY), "--platform"],
    ["a file that is not there", ["--platform", "web", "not-there.json"], "", "not-there.json cannot be read: ENOENT"],
    ["what is no JSON", ["--platform", "web", "-"], "{", "standard input is not valid JSON"],
    ["what is no reply", ["--platform", "web", "-"], '{"parts":[{"type":"text"}]}', "parts.0.markdown"],
  ])("says what is wrong with %s", async (_name, args, input, words) => {
    const { code, stdout, stderr } = await run(args, input);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain(words);
  });
});
