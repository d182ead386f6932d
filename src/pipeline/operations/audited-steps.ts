import type { JsonValue } from "../../contracts/json.ts";
import type { Explanation, ExplanationStep } from "../../contracts/operations.ts";
import type { FoundRecord } from "../../ledger/audit-lookup.ts";

/** What the audit log adds to an explanation. */
export interface AuditedSteps {
  readonly records: Explanation["auditRecords"];
  /** Decisions that no other row tells of. */
  readonly steps: readonly ExplanationStep[];
  /** `{ auditRecord }` where an entry of this kind tells of this id, else nothing. */
  recordOf(what: string, id: string): { readonly auditRecord?: number };
}

/** Entries that stand for a step of their own; the others tell of what the pipeline's rows tell as well. */
const VERBS: Readonly<Record<string, ExplanationStep["verb"]>> = {
  denied: "access",
  withheld: "access",
  approval: "access",
  switch: "access",
  grant_changed: "access",
  context_read: "assemble",
  tool_call: "invoke",
};

/** Members see that there was a decision and by which rule, and nothing of the places it was about. */
const FOR_MEMBERS = new Set(["turn", "outcome", "policy", "tool"]);

/** Takes from records what their entries say of any of these ids. Pure. */
export function readAudit(
  records: readonly FoundRecord[],
  ids: ReadonlySet<string>,
  view: "operator" | "member",
): AuditedSteps {
  const about = records.flatMap((record) => {
    const entries = entriesOf(record).filter((entry) => Object.values(entry).some((value) => names(value, ids)));
    return entries.length === 0 ? [] : [{ record, entries }];
  });
  const recordIds = new Map<string, number>();
  for (const { record, entries } of about)
    for (const entry of entries)
      for (const value of Object.values(entry))
        if (typeof value === "string" && ids.has(value)) recordIds.set(`${whatOf(entry)} ${value}`, record.id);
  return {
    records: about.map(({ record, entries }) => ({
      id: record.id,
      at: record.at.toISOString(),
      seal: record.seal,
      what: [...new Set(entries.map(whatOf))],
    })),
    steps: about.flatMap(({ record, entries }) =>
      entries.flatMap((entry): ExplanationStep[] => {
        const what = whatOf(entry);
        const verb = VERBS[what];
        if (verb === undefined) return [];
        const { what: _what, rule, ...rest } = entry;
        const told = Object.entries(rest).filter(([name]) => view === "operator" || FOR_MEMBERS.has(name));
        return [
          {
            at: record.at.toISOString(),
            verb,
            outcome: what,
            rule: typeof rule === "string" ? rule : "audited",
            detail: { ...Object.fromEntries(told), auditRecord: record.id },
          },
        ];
      }),
    ),
    recordOf(what, id) {
      const auditRecord = recordIds.get(`${what} ${id}`);
      return auditRecord === undefined ? {} : { auditRecord };
    },
  };
}

type Entry = Readonly<Record<string, JsonValue>>;

function entriesOf(record: FoundRecord): Entry[] {
  try {
    const value: unknown = JSON.parse(record.entries);
    return Array.isArray(value)
      ? value.filter((entry): entry is Entry => typeof entry === "object" && entry !== null)
      : [];
  } catch {
    // Somebody has changed it; verifying says so.
    return [];
  }
}

function whatOf(entry: Entry): string {
  return typeof entry["what"] === "string" ? entry["what"] : "unknown";
}

function names(value: JsonValue, ids: ReadonlySet<string>): boolean {
  return typeof value === "string" ? ids.has(value) : Array.isArray(value) && value.some((item) => names(item, ids));
}
