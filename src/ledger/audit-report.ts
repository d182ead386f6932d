import type { AuditFinding, AuditVerification } from "../contracts/audit.ts";
import type { AuditSeal } from "./audit-digests.ts";
import type { AuditAnchor } from "./audit-head-file.ts";

const MAX_FINDINGS = 5_000;

/** Collects what verifying finds. */
export interface AuditReport {
  countRecord(): void;
  countSeal(): void;
  countUnsealed(): void;
  record(finding: AuditFinding["finding"], id: number, detail: string): void;
  seal(finding: AuditFinding["finding"], number: number, detail: string): void;
  missingSeals(from: number, through: number, detail?: string): void;
  /** A record that only a seal which is not sound could vouch for. */
  doubt(id: number): void;
  prunedThrough(number: number): void;
  newest(seal: AuditSeal): void;
  anchored(anchor: AuditAnchor & { readonly source: string }): void;
  anchoredBeforePruning(anchor: AuditAnchor & { readonly source: string }): void;
  result(): AuditVerification;
}

export function createAuditReport(organizationId: string): AuditReport {
  const counts = { records: 0, seals: 0, unsealed: 0 };
  const findings: AuditFinding[] = [];
  const anchors: { source: string; number: number; pruned: boolean }[] = [];
  let more = 0;
  let prunedThrough: number | undefined;
  let newest: AuditVerification["newest"];
  const add = (finding: AuditFinding): void => {
    if (findings.length < MAX_FINDINGS) findings.push(finding);
    else more += 1;
  };
  return {
    countRecord: () => void (counts.records += 1),
    countSeal: () => void (counts.seals += 1),
    countUnsealed: () => void (counts.unsealed += 1),
    record: (finding, id, detail) => add({ what: "record", finding, id, detail }),
    seal: (finding, number, detail) => add({ what: "seal", finding, id: number, detail }),
    missingSeals: (from, through, detail) =>
      add({
        what: "seal",
        finding: "missing",
        id: from,
        ...(through > from ? { through } : {}),
        detail: ["is not there", ...(detail === undefined ? [] : [detail])].join(" "),
      }),
    doubt: (id) =>
      add({ what: "record", finding: "changed", id, detail: "cannot be vouched for: the seal over it is not sound" }),
    prunedThrough: (number) => {
      prunedThrough = number;
    },
    newest: ({ number, seal, at }) => {
      newest = { number, seal, at };
    },
    anchored: ({ source, number }) => void anchors.push({ source, number, pruned: false }),
    anchoredBeforePruning: ({ source, number }) => void anchors.push({ source, number, pruned: true }),
    result: () => ({
      organizationId,
      ...counts,
      ...(prunedThrough === undefined ? {} : { prunedThrough }),
      ...(newest === undefined ? {} : { newest }),
      anchors,
      findings,
      more,
    }),
  };
}
