import { isValidElement, memo, type ReactNode, useId, useMemo } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { CodeBlock } from "./code-block.tsx";
import { type MentionNames, mentionPlugin } from "./mention-plugin.ts";
import { softBreaks } from "./soft-breaks.ts";

const REMARK_PLUGINS = [remarkGfm, softBreaks];
const NO_NAMES: MentionNames = { known: [], self: [] };

/** Message headings all become level 3: the page owns levels 1 and 2, and a message must not break their order. */
function Heading({ children }: { children?: ReactNode }) {
  return <h3>{children}</h3>;
}

const components: Components = {
  h1: Heading,
  h2: Heading,
  h3: Heading,
  h4: Heading,
  h5: Heading,
  h6: Heading,
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ),
  // A remote picture would tell its host who reads what and when: it becomes a link that a person may choose to follow.
  img: ({ src, alt }) => (
    <a href={typeof src === "string" ? src : undefined} target="_blank" rel="noopener noreferrer nofollow">
      {alt ? `Picture: ${alt}` : "Picture"}
    </a>
  ),
  input: ({ checked }) => (
    <>
      <span aria-hidden="true">{checked ? "☑" : "☐"} </span>
      <span className="visually-hidden">{checked ? "done: " : "open: "}</span>
    </>
  ),
  table: ({ children }) => (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/prefer-tag-over-role -- what scrolls sideways must be reachable by keyboard
    <div className="markdown-table" role="group" aria-label="Table" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
  pre: ({ children }) => <CodeBlock {...codeOf(children)}>{children}</CodeBlock>,
};

/**
 * Markdown (CommonMark with tables, strikethrough, task lists) as React elements.
 *
 * Raw HTML is shown as text, script-bearing link schemes are dropped by react-markdown's `urlTransform`, nothing remote is loaded.
 */
export const Markdown = memo(function Markdown({ text, names = NO_NAMES }: { text: string; names?: MentionNames }) {
  const id = useId();
  const rehypePlugins = useMemo(() => [mentionPlugin(names)], [names]);
  const options = useMemo(() => ({ clobberPrefix: `${id}-` }), [id]);
  return (
    <div className="markdown">
      <ReactMarkdown
        remarkPlugins={REMARK_PLUGINS}
        rehypePlugins={rehypePlugins}
        remarkRehypeOptions={options}
        components={components}
      >
        {text}
      </ReactMarkdown>
    </div>
  );
});

function codeOf(children: ReactNode): { language: string; code: string } {
  if (!isValidElement<{ className?: string; children?: ReactNode }>(children)) return { language: "", code: "" };
  const language = /language-(\S+)/.exec(children.props.className ?? "")?.[1] ?? "";
  const code = typeof children.props.children === "string" ? children.props.children : "";
  return { language, code: code.replace(/\n$/, "") };
}
