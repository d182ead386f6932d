/** The environment of this process, for a program of the caller's own that a command starts. */
export function ownEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
