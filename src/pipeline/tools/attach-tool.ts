import { z } from "zod";
import { wireKey } from "../../envelope/ids.ts";
import { ArtifactPart, MAX_ARTIFACT_BYTES } from "../../envelope/reply.ts";
import { toolError } from "./tool-answer.ts";
import type { ToolSpec, ToolTurn } from "./tool-spec.ts";

const MAX_BASE64_CHARS = Math.ceil((MAX_ARTIFACT_BYTES * 4) / 3) + 4;
const Input = z.strictObject({
  name: z.string().trim().min(1).max(200),
  mediaType: z
    .string()
    .max(255)
    .regex(/^[\w.+-]+\/[\w.+-]+$/u, "must be a media type such as text/csv")
    .default("text/plain"),
  /** One of the two. */
  text: z.string().max(MAX_ARTIFACT_BYTES).optional(),
  base64: z.base64().max(MAX_BASE64_CHARS).optional(),
  callId: wireKey(128).optional(),
});

/** Files that one reply may get by this tool, and their size together. */
const MAX_FILES = 10;
const MAX_TOTAL_CHARS = 16_000_000;

/** Adds a file to the turn's reply: bytes that are given here, never a path or an address. */
export function attachTool(of: ToolTurn): readonly ToolSpec[] {
  const attached = new Set<string>();
  let chars = 0;
  return [
    {
      name: "attach_file",
      description:
        "Adds a file to your reply: a name, a media type and its content as `text` or `base64`. It is posted with the reply.",
      input: Input,
      effect: "write",
      needs: "post",
      maxInputChars: MAX_BASE64_CHARS + 1_000,
      async execute(input, call) {
        const { name, mediaType, text, base64 } = Input.parse(input);
        if (/[/\\\p{Cc}]/u.test(name) || /^\.+$/u.test(name))
          return toolError("the name must be that of a file, without a path");
        if ((text === undefined) === (base64 === undefined))
          return toolError("give the content as `text` or as `base64`");
        if (attached.has(call.key)) return { attached: true };
        const bytes = base64 ?? Buffer.from(text ?? "", "utf8").toString("base64");
        if (attached.size >= MAX_FILES || chars + bytes.length > MAX_TOTAL_CHARS)
          return toolError(`a reply takes ${MAX_FILES} files of 12 MiB together`);
        const part = ArtifactPart.safeParse({
          type: "artifact",
          artifactId: `attached-${attached.size + 1}`,
          name,
          mediaType,
          base64: bytes,
        });
        if (!part.success) return toolError("the file is too large, or its name is none");
        attached.add(call.key);
        chars += bytes.length;
        of.attach(part.data);
        return { attached: true };
      },
    },
  ];
}
