import { describe, expect, test } from "vitest";
import { Secret } from "../../../src/config/secret.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { createLogger, type LoggerOptions, type RootLogger } from "../../../src/log/create-logger.ts";
import { SECRET_EXAMPLES } from "./secret-examples.ts";

function capture(options: LoggerOptions = {}): {
  logger: RootLogger;
  text: () => string;
  records: () => Record<string, unknown>[];
} {
  const lines: string[] = [];
  const logger = createLogger({ level: "trace", stream: { write: (line) => void lines.push(line) }, ...options });
  return { logger, text: () => lines.join(""), records: () => lines.map((line) => JSON.parse(line)) };
}

describe("secrets", () => {
  test("there are at least 40 shapes, each its own", () => {
    expect(new Set(SECRET_EXAMPLES.map((example) => example.secret)).size).toBeGreaterThanOrEqual(40);
  });

  test.each(SECRET_EXAMPLES)("$name is not logged, wherever it stands", ({ secret, text }) => {
    const { logger, text: written, records } = capture();
    logger.debug({ detail: text, nested: { list: [text] } }, "in fields");
    logger.info({ [text]: 1 }, "in a key");
    logger.warn({ error: new Error(text, { cause: new Error(`because of ${text}`) }) }, "in an error");
    logger.error({ headers: { authorization: text, "x-slack-signature": text, other: text } }, "in headers");
    logger.child({ place: text }).info({}, "in a child");
    logger.info({}, `in the message: ${text} and on`);
    logger.fatal({ reason: JSON.stringify({ detail: text }) }, "in quoted JSON");
    expect(written()).not.toContain(secret);
    expect(written()).toContain("[redacted]");
    expect(records()).toHaveLength(7);
  });

  test("the deployment's own secrets are found by value, in any spelling", () => {
    const secret = 'plain words "with" quotes/and+more';
    const { logger, text } = capture({ secrets: [secret] });
    for (const spelling of [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString("base64"),
      Buffer.from(secret).toString("hex"),
    ]) {
      logger.info({ detail: `<${spelling}>` }, spelling);
      expect(text()).not.toContain(spelling);
    }
    expect(text()).not.toContain("plain words");
    expect(text().match(/\[redacted\]/g)).toHaveLength(8);
  });

  test("a Secret among the fields shows nothing", () => {
    const { logger, text } = capture();
    logger.info({ config: { value: new Secret("correct horse battery") } }, "started");
    expect(text()).not.toContain("horse");
  });
});

describe("words of people", () => {
  test.each(["text", "markdown", "content", "body", "raw", "prompt", "Text", "fallbackText"])(
    "under %s they are replaced by their size",
    (key) => {
      const { logger, text, records } = capture();
      logger.info({ [key]: "meet me at noon", deep: { [key]: ["meet me at noon"] } }, "said");
      expect(text()).not.toContain("noon");
      expect(records()[0]?.[key]).toBe("[redacted 15 characters]");
    },
  );

  test("long strings are text, whatever their key", () => {
    const { logger, records } = capture();
    logger.info({ detail: "a".repeat(513) }, "long");
    expect(records()[0]?.["detail"]).toBe("[513 characters]");
  });

  test("errors that quote what failed are cut before the quotation", () => {
    const { logger, text } = capture();
    const thrown: unknown[] = [];
    try {
      JSON.parse("meet me at noon");
    } catch (error) {
      thrown.push(error);
    }
    thrown.push(
      new Error('Failed query: insert into "m" values ($1)\nparams: meet me at noon'),
      new Error("first line\nmeet me at noon"),
    );
    for (const error of thrown) logger.error({ error, err: error }, "failed");
    expect(text()).not.toMatch(/meet|noon/);
    expect(text()).toContain("not valid JSON");
  });
});

describe("what stays", () => {
  test("ids, counts, sizes, codes and reasons pass unchanged", () => {
    const fields = {
      eventId: "0198f0a2-7c3e-7b1a-9d55-2f6f0c9b1a11",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      orderingKey: '["slack:T0001","C024BE91L","1732200000.000100"]',
      dedupeKey: "Ev01ABCDEF",
      channel: "C024BE91L",
      latencyMs: 12.5,
      ok: true,
      inputTokens: 1234567,
      tokens: 7654321,
      url: "http://127.0.0.1:3700",
      detail: "the queue cannot be reached; it is tried again in 5 s",
    };
    const { logger, records } = capture();
    logger.child({ component: "queue" }).info(fields, "Parley listens on http://127.0.0.1:3700");
    expect(records()[0]).toMatchObject({
      ...fields,
      component: "queue",
      level: "info",
      msg: "Parley listens on http://127.0.0.1:3700",
    });
  });

  test("a ParleyError keeps its code, certainty, facts and stack frames", () => {
    const { logger, records } = capture();
    const cause = new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail: "no answer in 10 s", facts: { attempt: 2 } });
    logger.error({ error: new ParleyError("LEASE_LOST", { cause }) }, "gave up");
    expect(records()[0]?.["error"]).toMatchObject({
      code: "LEASE_LOST",
      stack: expect.stringContaining("create-logger.test"),
      cause: { code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown", facts: { attempt: 2 } },
    });
  });

  test("odd values never make it throw", () => {
    const { logger, records } = capture();
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const hostile = {
      get trap(): string {
        throw new Error("trap");
      },
    };
    const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => ({ inner }), "end");
    logger.info(
      {
        circle,
        hostile,
        deep,
        many: 10n,
        bytes: new Uint8Array(9),
        call: () => 1,
        mark: Symbol("x"),
        day: new Date(Number.NaN),
      },
      "odd",
    );
    expect(records()[0]).toMatchObject({
      hostile: "[unreadable]",
      many: "10",
      bytes: "[9 bytes]",
      call: "[function]",
      day: "[invalid date]",
    });
  });

  test("levels below the chosen one are not written", () => {
    const { logger, records } = capture({ level: "warn" });
    logger.info({}, "no");
    logger.warn({}, "yes");
    expect(records().map((record) => record["msg"])).toEqual(["yes"]);
  });
});

describe("control characters", () => {
  test("neither a field, a key nor a message can break a line, move the cursor or reorder text", () => {
    const evil = 'a\nb\r\u001b[31mc\u0000\u007f\u0085\u009b2J\u2028\u202e\u200b"end';
    for (const format of ["json", "text"] as const) {
      const { logger, text } = capture({ format });
      logger.info({ place: evil, [evil]: 1 }, `said ${evil}`);
      expect(text().slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e\u200b]/);
      expect(text().endsWith("\n")).toBe(true);
      expect(text()).toContain("\\u202e");
    }
  });

  test("the text form is one readable line per record", () => {
    const { logger, text } = capture({ format: "text" });
    logger.warn({ agent: "guide", detail: "two words", count: 3 }, "slow");
    expect(text()).toMatch(/^\d\d:\d\d:\d\d WARN {2}slow {2}agent=guide detail="two words" count=3\n$/);
  });
});
