import { experimental_createSteering, isStepCount, streamText } from "ai";
import type { TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { abandon } from "../shared/abort.ts";
import type { GuardedHttp } from "../shared/guarded-http.ts";
import { createToolApprovals } from "./approvals.ts";
import type { ModelConfig } from "./config.ts";
import type { Endpoint } from "./endpoint.ts";
import { modelFailureToError } from "./errors.ts";
import { type LoadedImage, loadImages, withImages } from "./images.ts";
import { createLanguageModel } from "./language-model.ts";
import { type McpTools, openMcpTools } from "./mcp/servers.ts";
import { type Prompt, toPrompt } from "./prompt.ts";
import { StreamTranslator } from "./stream-translator.ts";
import type { ToolClock } from "./tool-clock.ts";
import { fromTurnTools, toToolSet } from "./tools.ts";
import { withSpent } from "./usage.ts";

export interface ModelRun {
  readonly config: ModelConfig;
  readonly endpoint: Endpoint;
  readonly modelName: string;
  readonly http: GuardedHttp;
  readonly request: TurnRequest;
  readonly io: TurnIo;
  readonly firstByteTimeoutMs: number;
  /** Folder in which servers that are programs are started. */
  readonly folder: string;
  readonly toolClock: ToolClock;
}

/** Guarantees the raw events of one turn of a model: its loop of steps and tools, within the budgets of steps, tokens and time. */
export async function* runModel(run: ModelRun): AsyncGenerator<unknown> {
  const [images, mcp] = await Promise.all([
    run.config.images ? loadImages(run.request, run.io) : [],
    openMcpTools(run.config.mcpServers, {
      ...run,
      signal: run.io.signal,
      onAway: (server, code) => run.io.logger.warn({ server, code }, "the tools of a server are away"),
    }),
  ]);
  try {
    if (mcp.away.length > 0) yield { type: "part", part: { type: "status", text: awayLine(mcp.away) } };
    yield* runWith(run, mcp, images);
  } finally {
    // Not waited for: a server that is slow to say goodbye must not hold the turn.
    void mcp.close();
  }
}

function awayLine(away: readonly string[]): string {
  return `The tools of ${away.join(", ")} are away now`.slice(0, 256);
}

async function* runWith(run: ModelRun, mcp: McpTools, images: readonly LoadedImage[]): AsyncGenerator<unknown> {
  if (images.length === 0) {
    yield* runOnce(run, mcp, []);
    return;
  }
  let said = false;
  try {
    for await (const event of runOnce(run, mcp, images)) {
      said = true;
      yield event;
    }
  } catch (thrown) {
    if (said || !refusesImages(thrown)) throw thrown;
    run.io.logger.info({ images: images.length }, "the model's endpoint takes no pictures; it is asked without them");
    yield* runOnce(run, mcp, []);
  }
}

/** Endpoints of models that only read say so in many ways, but always at once and with one of these. */
const REFUSALS: ReadonlySet<unknown> = new Set([400, 413, 415, 422, 500, 501]);

function refusesImages(thrown: unknown): boolean {
  const error = modelFailureToError(thrown);
  return REFUSALS.has(error.facts["httpStatus"]);
}

async function* runOnce(run: ModelRun, mcp: McpTools, images: readonly LoadedImage[]): AsyncGenerator<unknown> {
  const { config, io, request, modelName } = run;
  const prompt = toPrompt(request, config.instructions);
  const tools = [...fromTurnTools(io.tools, config.approve), ...mcp.tools];
  let step = 0;
  const steering = experimental_createSteering();
  const stopFollowing = followSteering(io, prompt, (text) => void steering.steer(text));
  const translator = new StreamTranslator({ modelName, reasoning: config.reasoning, prices: config.prices });
  try {
    const result = streamText({
      model: createLanguageModel({ ...run, signal: io.signal, idempotencyKey: () => `${request.turnId}-step-${step}` }),
      instructions: [
        prompt.instructions,
        ...mcp.away.map((name) => `The tools of ${name} cannot be reached now.`),
      ].join("\n\n"),
      messages: withImages(prompt.messages, images),
      tools: toToolSet(tools, { approvals: createToolApprovals(request, io), clock: run.toolClock, signal: io.signal }),
      abortSignal: io.signal,
      maxOutputTokens: config.maxOutputTokens,
      // A repeated call belongs to the turn's own retry, which knows the deadline.
      maxRetries: 0,
      stopWhen: [isStepCount(config.maxSteps), ({ steps }) => sumTokens(steps) >= config.maxTurnTokens],
      prepareStep: ({ stepNumber }) => {
        step = stepNumber;
        return {};
      },
      experimental_steering: steering,
      // The default prints errors with prompts in them to the console; they arrive as parts of the stream as well.
      onError: () => undefined,
    });
    for await (const part of result.stream) yield* translator.translate(part);
    yield* translator.end();
  } catch (thrown) {
    throw withSpent(modelFailureToError(thrown), translator.spent);
  } finally {
    stopFollowing();
  }
}

function sumTokens(steps: readonly { readonly usage: { readonly totalTokens: number | undefined } }[]): number {
  return steps.reduce((sum, step) => sum + (step.usage.totalTokens ?? 0), 0);
}

/** Hands messages that arrive during the turn to the run, until it is stopped. */
function followSteering(io: TurnIo, prompt: Prompt, steer: (text: string) => void): () => void {
  const iterator = io.steering[Symbol.asyncIterator]();
  let isStopped = false;
  const follow = async () => {
    for (let step = await iterator.next(); step.done !== true && !isStopped; step = await iterator.next())
      steer(prompt.wrap(step.value));
  };
  follow().catch(() => {
    // Steering is an extra: when it breaks, the turn goes on with what it has.
    io.logger.warn({ turn: "steering" }, "messages during the turn can no longer be followed");
  });
  return () => {
    isStopped = true;
    abandon(iterator);
  };
}
