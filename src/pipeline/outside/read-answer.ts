import type { z } from "zod";
import type { OutsideMessage, OutsideQuestion } from "../../contracts/outside-tasks.ts";
import { ApprovalRequestPart, InputRequestPart } from "../../envelope/reply.ts";
import { ParleyError } from "../../errors/parley-error.ts";

const YES = new Set(["yes", "y", "ok", "approve", "approved", "allow", "confirm"]);
const NO = new Set(["no", "n", "deny", "denied", "reject", "cancel"]);

interface Answer {
  readonly postId: string;
  readonly actionId: string;
  readonly value?: string;
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * What a message answers to the questions that are open: what its data says, else its words, where they fit one question only.
 *
 * Words never choose an option that they do not name: a yes is the one option that allows, and a no the one that denies. Throws REQUEST_INVALID.
 */
export function readAnswer(questions: readonly OutsideQuestion[], message: OutsideMessage): Answer {
  const { answer, text } = message;
  const question =
    answer?.actionId === undefined
      ? questions.length === 1
        ? questions[0]
        : undefined
      : questions.find(({ actionId }) => actionId === answer.actionId);
  if (question === undefined) throw unclear(questions);
  const { actionId, postId } = question;
  if (answer !== undefined) {
    return { postId, actionId, fields: answer.fields, ...(answer.value === undefined ? {} : { value: answer.value }) };
  }
  const approval = ApprovalRequestPart.safeParse(question.part);
  if (approval.success) {
    const value = optionIn(approval.data.options, text);
    if (value === undefined) throw unclear(questions);
    return { postId, actionId, value, fields: {} };
  }
  const input = InputRequestPart.safeParse(question.part);
  const [field, ...more] = input.success ? input.data.fields : [];
  if (field === undefined || more.length > 0) throw unclear(questions);
  return { postId, actionId, fields: { [field.id]: text.trim() } };
}

type Option = z.infer<typeof ApprovalRequestPart>["options"][number];

function optionIn(options: readonly Option[], text: string): string | undefined {
  const said = text.trim().toLowerCase();
  const named = options.filter((option) => option.id.toLowerCase() === said || option.label.toLowerCase() === said);
  if (named.length === 1) return named[0]?.id;
  const effect = YES.has(said) ? "allow" : NO.has(said) ? "deny" : undefined;
  const fitting = options.filter((option) => option.effect === effect);
  return effect !== undefined && fitting.length === 1 ? fitting[0]?.id : undefined;
}

function unclear(questions: readonly OutsideQuestion[]): ParleyError {
  const ids = questions.map(({ actionId }) => actionId).join(", ");
  return new ParleyError("REQUEST_INVALID", {
    detail: `answer with a data part {"type": "action", "actionId": …, "value": the id of an option} or with "fields" by their ids; open: ${ids}`,
  });
}
