import { setTimeout as pause } from "node:timers/promises";
import { defineAgent } from "../../agents/shared/agent-function.ts";

/** Between two words, so that a browser sees the text grow. */
const WORD_PAUSE_MS = 120;
const POEM = "One by one the words come in, so that a reader sees the answer grow before it is done.";

/** An agent with one behaviour per wish in the message: `stream`, `wait`, `parts`; else it repeats what it was told. */
export default defineAgent(async function* scripted(request, io) {
  const wish = request.trigger.text;
  if (wish.includes("stream")) {
    for (const word of POEM.split(" ")) {
      yield `${word} `;
      await pause(WORD_PAUSE_MS, undefined, { signal: io.signal });
    }
    return;
  }
  if (wish.includes("wait")) {
    yield "Waiting until somebody stops me. ";
    await pause(60_000, undefined, { signal: io.signal });
    return;
  }
  if (wish.includes("parts")) {
    yield {
      type: "tool_call",
      toolCallId: "t1",
      name: "search",
      title: "Searching the logs",
      input: '{"query":"errors"}',
    };
    yield { type: "tool_result", toolCallId: "t1", name: "search", outcome: "ok", output: "12 hits" };
    yield "## Findings\n\nThe rate **fell**.\n\n```ts\nconst rate = 0.1;\n```\n\n<script>document.title = 'owned'</script>";
    yield { type: "task_update", taskId: "a", title: "Read the logs", state: "pending" };
    yield { type: "task_update", taskId: "a", title: "Read the logs", state: "completed" };
    yield {
      type: "artifact",
      artifactId: "r",
      name: "report.csv",
      mediaType: "text/csv",
      base64: Buffer.from("hour,rate\n1,2\n").toString("base64"),
    };
    yield {
      type: "approval_request",
      approvalId: "restart",
      prompt: "May I restart the worker?",
      options: [
        { id: "yes", label: "Allow", effect: "allow" },
        { id: "no", label: "Deny", effect: "deny" },
      ],
    };
    yield {
      type: "input_request",
      inputId: "version",
      prompt: "Which version?",
      fields: [{ id: "v", label: "Version", kind: "text", required: true }],
    };
    return;
  }
  yield `I heard: ${wish}`;
});
