/** Emoji by the names that agents use; any other reaction is given as a sign, or as `name:id` of the guild's own. */
const EMOJI: Readonly<Record<string, string>> = {
  eyes: "👀",
  white_check_mark: "✅",
  x: "❌",
  "+1": "👍",
  thumbsup: "👍",
  "-1": "👎",
  thumbsdown: "👎",
  hourglass_flowing_sand: "⏳",
  tada: "🎉",
  robot_face: "🤖",
  warning: "⚠️",
  heart: "❤️",
  octagonal_sign: "🛑",
};

/** What Discord takes as a reaction, from an emoji, `:name:`, `name`, or `name:id`. */
export function reactionEmoji(reaction: string): string {
  return EMOJI[reaction.replace(/^:|:$/gu, "")] ?? reaction;
}
