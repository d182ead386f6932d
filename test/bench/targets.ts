/** One aim with what was measured. Ratios and differences are of the same run. */
export interface Finding {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly aim: "at least" | "at most";
  readonly target: number;
  /** The next mark, where there is one. */
  readonly further?: number;
  /** In a line: what holds it where it is. */
  readonly boundBy: string;
}

export function isReached(finding: Pick<Finding, "value" | "aim">, target: number): boolean {
  return finding.aim === "at least" ? finding.value >= target : finding.value <= target;
}

/** One line for a person: the figure, its target and whether it is reached. */
export function describe(finding: Finding): string {
  const reached = isReached(finding, finding.target);
  const verdict = reached ? "reached    " : "falls short";
  const further =
    finding.further === undefined
      ? ""
      : `, then ${finding.further}${isReached(finding, finding.further) ? " (reached)" : " (not yet)"}`;
  const bound =
    reached && (finding.further === undefined || isReached(finding, finding.further))
      ? ""
      : `\n              bound by ${finding.boundBy}`;
  return `${verdict}   ${finding.name}: ${round(finding.value)} ${finding.unit}; ${finding.aim} ${finding.target}${further}${bound}`;
}

export function round(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}
