/** Something about an audit log that is not as it was written. */
export interface AuditFinding {
  readonly what: "record" | "seal";
  /** changed: other than what was sealed; missing: sealed and not there; added: there and never sealed; moved: not in its place. */
  readonly finding: "changed" | "missing" | "added" | "moved";
  /** Id of the record, or number of the seal; for a run of missing seals the first. */
  readonly id: number;
  /** The last of a run of missing seals. */
  readonly through?: number;
  readonly detail: string;
}

/** What came of recomputing an organization's audit log. */
export interface AuditVerification {
  readonly organizationId: string;
  readonly records: number;
  readonly seals: number;
  /** Complete or not, they wait for the next seal. */
  readonly unsealed: number;
  /** Everything up to this seal was pruned by its retention. */
  readonly prunedThrough?: number;
  readonly newest?: { readonly number: number; readonly seal: string; readonly at: string };
  /** Anchors that the log agrees with, by where they came from. */
  readonly anchors: readonly { readonly source: string; readonly number: number; readonly pruned: boolean }[];
  readonly findings: readonly AuditFinding[];
  /** Findings beyond the listed ones. */
  readonly more: number;
}

/** Looking at audit logs from outside. */
export interface AuditOperations {
  /** Seals what is complete and recomputes everything. `anchor` is a seal that the caller has seen. REQUEST_INVALID: it is none. */
  verify(
    organizationId: string,
    anchor?: { readonly number: number; readonly seal: string },
  ): Promise<AuditVerification>;
  /** The records in their order as lines of JSON, and a last line that says how far the chain goes. */
  exportLines(organizationId: string, range: { readonly since?: Date; readonly until?: Date }): AsyncIterable<string>;
}
