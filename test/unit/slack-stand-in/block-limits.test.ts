import { expect, it } from "vitest";
import { ApiError } from "../../support/slack/web-api/api-error.ts";
import { checkBlocks } from "../../support/slack/web-api/block-limits.ts";

const plain = (length: number): object => ({ type: "plain_text", text: "x".repeat(length) });
const button = (label: number, value = 1): object => ({
  type: "button",
  text: plain(label),
  action_id: "a",
  value: "v".repeat(value),
});

function verdict(blocks: unknown, surface: "message" | "view" = "message"): string {
  try {
    checkBlocks(blocks, surface, 13_200);
    return "ok";
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

const repeated = (count: number, block: object): object[] => Array.from({ length: count }, () => block);

it.each<[string, unknown, unknown]>([
  ["50 blocks", repeated(50, { type: "divider" }), repeated(51, { type: "divider" })],
  ["section text 3000", [{ type: "section", text: plain(3000) }], [{ type: "section", text: plain(3001) }]],
  [
    "section fields 10",
    [{ type: "section", fields: repeated(10, plain(9)) }],
    [{ type: "section", fields: repeated(11, plain(9)) }],
  ],
  ["field 2000", [{ type: "section", fields: [plain(2000)] }], [{ type: "section", fields: [plain(2001)] }]],
  ["header 150", [{ type: "header", text: plain(150) }], [{ type: "header", text: plain(151) }]],
  [
    "context 10",
    [{ type: "context", elements: repeated(10, plain(1)) }],
    [{ type: "context", elements: repeated(11, plain(1)) }],
  ],
  [
    "actions 25",
    [{ type: "actions", elements: repeated(25, button(3)) }],
    [{ type: "actions", elements: repeated(26, button(3)) }],
  ],
  ["button text 75", [{ type: "actions", elements: [button(75)] }], [{ type: "actions", elements: [button(76)] }]],
  [
    "button value 2000",
    [{ type: "actions", elements: [button(5, 2000)] }],
    [{ type: "actions", elements: [button(5, 2001)] }],
  ],
  [
    "markdown 12000",
    [{ type: "markdown", text: "x".repeat(12_000) }],
    [{ type: "markdown", text: "x".repeat(12_001) }],
  ],
  ["block_id unique", [{ type: "divider", block_id: "a" }], repeated(2, { type: "divider", block_id: "a" })],
  [
    "image needs alt_text",
    [{ type: "image", image_url: "https://x.test/a.png", alt_text: "" }],
    [{ type: "image", image_url: "https://x.test/a.png" }],
  ],
  ["a known type", [{ type: "divider" }], [{ type: "dividor" }]],
  [
    "a header is plain",
    [{ type: "header", text: plain(1) }],
    [{ type: "header", text: { type: "mrkdwn", text: "x" } }],
  ],
  ["text is not empty", [{ type: "section", text: plain(1) }], [{ type: "section", text: plain(0) }]],
  [
    "table rows 100",
    [{ type: "table", rows: repeated(100, []).map(() => ["a"]) }],
    [{ type: "table", rows: repeated(101, []).map(() => ["a"]) }],
  ],
  ["card body 200", [{ type: "card", body: plain(200) }], [{ type: "card", body: plain(201) }]],
])("accepts %s and refuses one more", (_name, good, bad) => {
  expect(verdict(good)).toBe("ok");
  expect(verdict(bad)).toBe("invalid_blocks");
});

it("refuses what is too much in total, what is no list, and names the place of a fault", () => {
  expect(verdict(repeated(5, { type: "section", text: plain(2700) }))).toBe("msg_blocks_too_long");
  expect(verdict({ type: "divider" })).toBe("invalid_blocks_format");
  expect(verdict(repeated(100, { type: "divider" }), "view")).toBe("ok");
  expect(() => checkBlocks([{ type: "divider" }, { type: "section", text: plain(3001) }], "message", 13_200)).toThrow(
    expect.objectContaining({
      extra: expect.objectContaining({
        errors: ["must be less than 3001 characters [json-pointer:/blocks/1/text/text]"],
      }),
    }),
  );
});
