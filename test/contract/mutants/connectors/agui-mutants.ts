import type { createAguiConnector } from "../../../../agents/agui/index.ts";
import { createAguiConnector as createReal } from "../../../../agents/agui/index.ts";
import { type Invoke, withInvoke } from "./mutant.ts";

/** An AG-UI connector that breaks its own rules on purpose; its checks must fail on exactly these. */
export interface AguiMutant {
  readonly name: string;
  readonly breaks: readonly string[];
  readonly create: typeof createAguiConnector;
}

const mutant = (name: string, breaks: readonly string[], invoke: Invoke): AguiMutant => ({
  name,
  breaks,
  create: (config, options) => withInvoke(createReal(config, options), invoke),
});
const ANSWERS = ["AGUI-INT-01", "AGUI-INT-02", "AGUI-INT-03", "AGUI-INT-04", "AGUI-INT-05"];

export const AGUI_MUTANTS: readonly AguiMutant[] = [
  mutant("forgets what it asked", [...ANSWERS, "AGUI-INT-06", "AGUI-INT-07"], (real, request, io) => {
    const { session: _session, ...forgetful } = io;
    return real.invoke(request, forgetful);
  }),
  mutant("asks every question twice", [...ANSWERS, "AGUI-INT-06"], async function* (real, request, io) {
    for await (const event of real.invoke(request, io)) {
      yield event;
      if (event.type === "part" && (event.part.type === "approval_request" || event.part.type === "input_request"))
        yield event;
    }
  }),
  mutant("takes every choice for a yes", ["AGUI-INT-01"], (real, request, io) => {
    const { action } = request.trigger;
    if (action?.value === undefined) return real.invoke(request, io);
    return real.invoke({ ...request, trigger: { ...request.trigger, action: { ...action, value: "approve" } } }, io);
  }),
  mutant("takes a choice for a message", [...ANSWERS, "AGUI-INT-06"], (real, request, io) => {
    const { action: _action, ...trigger } = request.trigger;
    return real.invoke({ ...request, trigger }, io);
  }),
  mutant("lets an answer stand open", ["AGUI-INT-06"], (real, request, io) => {
    const { session } = io;
    if (session === undefined || request.trigger.action === undefined) return real.invoke(request, io);
    return real.invoke(request, {
      ...io,
      session: {
        read: () => session.read(),
        write: async (value) => (value === "" ? undefined : await session.write(value)),
      },
    });
  }),
];
