import type { ShownPost } from "./chat-driver.ts";
import type { Told } from "./script.ts";

/** The file of an answer that is more than a platform takes in several messages. */
const WHOLE_ANSWER = "answer.md";

/** What people see under one message: who spoke, in which words, with which files. */
export interface ShownThread {
  readonly thread: string;
  readonly authors: readonly string[];
  /** The sentences of the answers in order, each as often as it stands there. */
  readonly sentences: readonly string[];
  readonly files: readonly string[];
}

const SENTENCE = /Answer to \[#\w+\] after .*?\.(?=\s|$)|Shall I deploy\?|Heard \w+=\w+, asked by \w+\./gu;
const LINE = /Line (\d{4}) of the whole story, which is told to its very end\./gu;

/** Reads what Parley posted from the platform's own record: thread by thread, `channel` for what is in none. */
export async function shownThreads({ driver, said }: Told): Promise<readonly ShownThread[]> {
  const names = new Map([...said].map(([name, id]) => [id, name]));
  const threads = Map.groupBy(await driver.posts(), ({ thread }) =>
    thread === undefined ? "channel" : (names.get(thread) ?? `unknown ${thread}`),
  );
  const order = [...names.values()];
  const shown = await Promise.all([...threads].map(async ([thread, posts]) => await shownThread(thread, posts)));
  return shown.toSorted((one, other) => order.indexOf(one.thread) - order.indexOf(other.thread));
}

async function shownThread(thread: string, posts: readonly ShownPost[]): Promise<ShownThread> {
  const files = posts.flatMap((post) => post.files).filter((file) => file.name !== WHOLE_ANSWER);
  return {
    thread,
    authors: [...new Set(posts.map((post) => post.author))],
    sentences: [
      ...posts
        .map((post) => plain(post.text))
        .join("\n")
        .matchAll(SENTENCE),
    ].map(([sentence]) => sentence),
    files: await Promise.all(files.map(async (file) => `${file.name}: ${plain(await file.read())}`)),
  };
}

/** The numbers of a long answer's lines, in the order in which people read them: in its messages, or in the file that it was put into. */
export async function linesShown({ driver, said }: Told, name: string): Promise<readonly number[]> {
  const posts = await driver.posts(said.get(name));
  const whole = posts.flatMap((post) => post.files).filter((file) => file.name === WHOLE_ANSWER);
  const texts = whole.length > 0 ? await Promise.all(whole.map((file) => file.read())) : posts.map((post) => post.text);
  return [...texts.join("\n").matchAll(LINE)].map((match) => Number(match[1]));
}

/** Markdown escapes what could be taken for markup. */
function plain(text: string): string {
  return text.replaceAll("\\", "").replaceAll(/\s+/gu, " ").trim();
}
