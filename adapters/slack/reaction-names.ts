/** Emoji that agents and the pipeline use, by Slack's names; any other reaction is given by its name. */
const NAMES: Readonly<Record<string, string>> = {
  "👀": "eyes",
  "✅": "white_check_mark",
  "❌": "x",
  "👍": "+1",
  "👎": "-1",
  "⏳": "hourglass_flowing_sand",
  "🎉": "tada",
  "🤖": "robot_face",
  "⚠️": "warning",
  "❤️": "heart",
  "🛑": "octagonal_sign",
};

/** Slack's name of a reaction, from an emoji, `:name:` or `name`. */
export function reactionName(reaction: string): string {
  return NAMES[reaction] ?? reaction.replace(/^:|:$/gu, "");
}
