import { dirname } from "node:path";

/** Where programs lie on any POSIX machine; Node's own folder comes first, since most agents are started by `npx`. */
const SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin";

/** The name under which every process of one agent carries the agent's mark, by which the last of them is found. */
export const MARK_NAME = "PARLEY_AGENT_PROCESS";

/**
 * Guarantees a clean environment: what is named, its home, where programs are and the mark; nothing of this process's own.
 *
 * What the configuration names wins, apart from the mark.
 */
export function cleanEnvironment(
  cwd: string,
  named: Readonly<Record<string, string>>,
  mark: string,
): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:${SYSTEM_PATH}`,
    HOME: cwd,
    LANG: "C.UTF-8",
    TMPDIR: "/tmp",
    ...named,
    [MARK_NAME]: mark,
  };
}
