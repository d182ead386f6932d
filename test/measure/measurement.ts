export interface MeasureOptions {
  /** How many trials or operations; each measurement has a default of its own. */
  readonly count?: number;
  readonly seed: number;
  /** Of what, where a measurement names kinds. */
  readonly kind?: string;
  readonly store: "pglite" | "postgres";
}

export interface MeasureResult {
  readonly passed: boolean;
  readonly figures: Readonly<Record<string, number | string>>;
  /** One line for each thing that went wrong. */
  readonly failures: readonly string[];
}

/** A figure that a release stands on, measured on a real Parley. */
export interface Measurement {
  readonly name: string;
  readonly describes: string;
  run(options: MeasureOptions): Promise<MeasureResult>;
}
