import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";
import { ROUTES, type Route } from "./routes.ts";

/** A thread that was closed, as Discord lists it. */
export interface ClosedThread {
  readonly id: string;
  readonly closedAtMs: number;
  readonly raw: Raw;
}

/** Undefined when the list cannot be read. */
type Read = (route: Route, query: Readonly<Record<string, string | number>>) => Promise<unknown>;

const PAGE_SIZE = 100;
/** Pages of each list that are looked through of one channel. */
const MAX_PAGES = 50;

/**
 * Gives a channel's closed threads page by page, the newest first, as far back as `oldestMs`; of private ones those that the bot is in.
 *
 * Those of everybody are listed by the time they were closed, private ones by their id (Discord: List Public Archived Threads, List Joined Private
 * Archived Threads).
 */
export async function* closedThreads(read: Read, parentId: string, oldestMs: number): AsyncGenerator<ClosedThread[]> {
  yield* pagesOf(read, ROUTES.archivedThreads(parentId), oldestMs, byTime);
  yield* pagesOf(read, ROUTES.joinedArchivedThreads(parentId), 0, (page) => page.at(-1)?.id);
}

async function* pagesOf(
  read: Read,
  route: Route,
  oldestMs: number,
  next: (page: readonly ClosedThread[]) => string | undefined,
): AsyncGenerator<ClosedThread[]> {
  let before: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const answer = asRecord(await read(route, { limit: PAGE_SIZE, ...(before === undefined ? {} : { before }) }));
    const page = asList(answer?.["threads"]).flatMap(closedThread);
    if (page.length > 0) yield page;
    before = next(page);
    if (answer?.["has_more"] !== true || before === undefined || (page.at(-1)?.closedAtMs ?? 0) < oldestMs) return;
  }
}

/** Several may be closed in one moment: its others come again on the next page, unless they fill a page. */
function byTime(page: readonly ClosedThread[]): string | undefined {
  const [first, last] = [page[0], page.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return new Date(last.closedAtMs + (first.closedAtMs > last.closedAtMs ? 1 : 0)).toISOString();
}

function closedThread(item: unknown): ClosedThread[] {
  const raw = asRecord(item);
  const id = asId(raw?.["id"]);
  const closedAtMs = Date.parse(asString(asRecord(raw?.["thread_metadata"])?.["archive_timestamp"]) ?? "");
  return raw === undefined || id === undefined || Number.isNaN(closedAtMs) ? [] : [{ id, closedAtMs, raw }];
}
