import asyncApi from "@asyncapi/specs/schemas/3.0.0-without-$id.json" with { type: "json" };
import { Ajv } from "ajv";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import { dialInDocument } from "../../../src/cli/dial-in-document.ts";
import type { RosterEntry, TranscriptMessage, TurnRequest } from "../../../src/contracts/connector.ts";
import { AgentFrame, type ParleyFrame } from "../../../src/contracts/dial-in-protocol.ts";
import { ParleyFrameSchema } from "../../../src/contracts/parley-frame-schema.ts";
import {
  type RosterEntrySchema,
  type TranscriptMessageSchema,
  TurnRequestSchema,
} from "../../../src/contracts/turn-request-schema.ts";
import { turnRequest } from "../../support/agents/turn-fixtures.ts";

const DOCUMENT = dialInDocument();

/** A validator of one schema of the document, whose references point into the document itself. */
function validatorOf(name: string) {
  const ajv = new Ajv({ strict: false, logger: false });
  ajv.addSchema({ ...DOCUMENT, $id: "document" });
  return ajv.compile({ $ref: `document#/components/schemas/${name}` });
}

describe("the AsyncAPI document of the dial-in socket", () => {
  it("is valid by AsyncAPI's own schema, which refuses what is not", () => {
    const validate = new Ajv({ strict: false, logger: false, validateFormats: false }).compile(asyncApi);
    validate(DOCUMENT);
    expect(validate.errors).toBeNull();
    expect(validate({ ...DOCUMENT, operations: { wrong: { action: "shout" } } })).toBe(false);
  });

  it("has every frame of the protocol, each with a summary", () => {
    const { messages } = DOCUMENT["components"] as { messages: Record<string, { summary?: string }> }; // written above
    const types = [...AgentFrame.options, ...ParleyFrameSchema.options].map(({ shape }) => shape.type.value);
    expect(Object.keys(messages).map((id) => id.replace(/^(agent|parley)_/, ""))).toEqual(types);
    expect(Object.values(messages).filter(({ summary }) => summary === undefined)).toEqual([]);
  });

  it("has schemas that take real frames and refuse others", () => {
    const event = validatorOf("agent_event");
    const frame = { type: "event", turnId: "t1", attempt: 1, n: 1, event: { type: "text_delta", markdown: "x" } };
    event(frame);
    expect(event.errors).toBeNull();
    expect(event({ ...frame, n: 0 })).toBe(false);
    expect(event({ ...frame, event: { type: "text_delta" } })).toBe(false);
    const start = validatorOf("parley_turn_start");
    const turn = JSON.parse(JSON.stringify(turnRequest()));
    start({ type: "turn_start", turn });
    expect(start.errors).toBeNull();
    expect(start({ type: "turn_start", turn: { ...turn, trigger: {} } })).toBe(false);
  });
});

describe("the schemas of what agents are given", () => {
  it("say the same as the types", () => {
    expectTypeOf<z.infer<typeof TurnRequestSchema>>().toExtend<TurnRequest>();
    expectTypeOf<TurnRequest>().toExtend<z.infer<typeof TurnRequestSchema>>();
    expectTypeOf<keyof z.infer<typeof TurnRequestSchema>>().toEqualTypeOf<keyof TurnRequest>();
    expectTypeOf<z.infer<typeof TranscriptMessageSchema>>().toExtend<TranscriptMessage>();
    expectTypeOf<TranscriptMessage>().toExtend<z.infer<typeof TranscriptMessageSchema>>();
    expectTypeOf<keyof z.infer<typeof TranscriptMessageSchema>>().toEqualTypeOf<keyof TranscriptMessage>();
    expectTypeOf<z.infer<typeof RosterEntrySchema>>().toExtend<RosterEntry>();
    expectTypeOf<keyof z.infer<typeof RosterEntrySchema>>().toEqualTypeOf<keyof RosterEntry>();
    expectTypeOf<z.infer<typeof ParleyFrameSchema>>().toExtend<ParleyFrame>();
    expectTypeOf<ParleyFrame>().toExtend<z.infer<typeof ParleyFrameSchema>>();
    expectTypeOf<z.infer<typeof ParleyFrameSchema>["type"]>().toEqualTypeOf<ParleyFrame["type"]>();
  });

  it("let a turn through as it is", () => {
    const turn = turnRequest({ alsoAsked: ["other"], commandResults: [{ name: "post", ok: true, result: [1] }] });
    expect(TurnRequestSchema.parse(turn)).toEqual(turn);
  });
});
