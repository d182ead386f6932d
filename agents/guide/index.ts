import type { AgentDefinitionInput } from "../../src/contracts/agent-definition.ts";
import type { Operations } from "../../src/contracts/operations.ts";
import { type AgentFunction, defineAgent } from "../shared/agent-function.ts";
import { type AnswerWriter, answerAsGuide } from "./guide.ts";
import { createDocumentSearch, type DocumentSearch } from "./search.ts";
import { loadSections } from "./sections.ts";

export type { AnswerWriter } from "./guide.ts";

export interface GuideOptions {
  /** The running Parley; asked at each question, since it exists after its agents do. */
  readonly operations: () => Operations;
  /** Markdown files, and folders of them, that ship with this installation. Read at the first question. */
  readonly documents: readonly URL[];
  /** Words the answer with a model, from the facts that were found; without it they are shown as they are. */
  readonly writer?: AnswerWriter;
}

/** Guarantees the built-in agent `guide`, a function in this process that answers from Parley's documentation and live state. */
export function createGuideAgent(
  options: GuideOptions,
): AgentDefinitionInput & { readonly connector: { readonly kind: "function"; readonly run: AgentFunction } } {
  let search: Promise<DocumentSearch> | undefined;
  const readDocuments = () => {
    search ??= loadSections(options.documents).then(createDocumentSearch);
    // A folder that could not be read this time may be readable the next.
    search.catch(() => {
      search = undefined;
    });
    return search;
  };
  const run = defineAgent(async function* guide(request, io) {
    yield* answerAsGuide(request, io, {
      operations: options.operations(),
      search: await readDocuments(),
      writer: options.writer,
    });
  });
  return {
    handle: "guide",
    name: "Guide",
    description: "Answers questions about Parley from its documentation and live state",
    connector: { kind: "function", run },
  };
}
