import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createFileAddresses } from "../../../src/access/file-addresses.ts";
import { createFileReader, createTurnFiles } from "../../../src/access/turn-files.ts";
import type { AdapterFeatures } from "../../../src/contracts/adapter-features.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { message, turnRequest } from "../../support/agents/turn-fixtures.ts";

const block = (mediaId: string) =>
  ({ type: "media", mediaId, kind: "file", name: `${mediaId}.txt`, mediaType: "text/plain" }) as const;

function stage(more: { deadlineAt?: string } = {}) {
  const asked: string[] = [];
  const state = { failing: false, open: true };
  const media: NonNullable<AdapterFeatures["media"]> = {
    fetch: async ({ installationId, mediaId, maxBytes }) => {
      asked.push(`${installationId} ${mediaId} ${maxBytes}`);
      if (state.failing) throw new ParleyError("PLATFORM_UNAVAILABLE");
      return { bytes: Buffer.from(mediaId), mediaType: "text/plain" };
    },
  };
  const request = turnRequest({
    trigger: { ...message({ text: "look" }), content: [block("mine")] },
    transcript: [{ ...message({ text: "earlier" }), content: [block("earlier")] }],
    ...more,
  });
  const addresses = createFileAddresses(randomBytes(32));
  const signal = new AbortController().signal;
  const files = createTurnFiles({
    request,
    installationId: "i1",
    media,
    addresses,
    baseUrl: "https://parley.example.org",
    signal,
  });
  const reader = createFileReader({
    addresses,
    media: (platform) => (platform === "web" ? media : undefined),
    isTurnOpen: async (turnId) => state.open && turnId === request.turnId,
  });
  const tokenOf = (mediaId: string): string => new URL(files.url(mediaId) ?? "").pathname.split("/").at(-1) ?? "";
  return { files, asked, state, reader: (token: string) => reader(token, signal), tokenOf };
}

describe("the files of a turn", () => {
  test("are those that its messages name, within the size asked for", async () => {
    const { files, asked } = stage();
    expect(await files.read("mine", { maxBytes: 10 })).toMatchObject({ mediaType: "text/plain", name: "mine.txt" });
    expect(Buffer.from((await files.read("earlier", { maxBytes: 1e12 })).bytes).toString()).toBe("earlier");
    expect(asked).toEqual(["i1 mine 10", "i1 earlier 26214400"]);
  });

  test("of other conversations are not there, by whatever way", async () => {
    const { files, asked } = stage();
    await expect(files.read("foreign")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(files.url("foreign")).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test("have an address that is good once, and again after a fetch that failed", async () => {
    const { reader, tokenOf, state } = stage();
    const token = tokenOf("mine");
    state.failing = true;
    await expect(reader(token)).rejects.toMatchObject({ code: "PLATFORM_UNAVAILABLE" });
    state.failing = false;
    expect(await reader(token)).toMatchObject({ name: "mine.txt" });
    await expect(reader(token)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("have no address once their turn is over, past its deadline, or under another key", async () => {
    const { reader, tokenOf, state } = stage();
    state.open = false;
    await expect(reader(tokenOf("mine"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    const late = stage({ deadlineAt: new Date(Date.now() - 1).toISOString() });
    await expect(late.reader(late.tokenOf("mine"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    const token = stage().tokenOf("mine");
    for (const forged of [token, "", ".", "a.b", token.replace(/^./u, "x"), `${token}x`])
      await expect(stage().reader(forged)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
