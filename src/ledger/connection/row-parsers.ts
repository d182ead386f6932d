import pg from "pg";

const INT8 = 20;
const INT8_ARRAY = 1016;

/** Guarantees that no int8 is ever rounded: a value outside ±2^53-1 is an error. */
export function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`int8 value ${text} does not fit a JavaScript number`);
  return value;
}

const TEXT_ARRAY = 1009;

// node-postgres types getTypeParser for the builtin scalar types only; at run time it takes every type's number.
const driverParser = pg.types.getTypeParser as (oid: number, format?: "text" | "binary") => (text: string) => unknown;

/** The driver's own reader of `{a,NULL,b}`. */
const parseTextArray = driverParser(TEXT_ARRAY) as (text: string) => (string | null)[];

function parseInt8Array(text: string): (number | null)[] {
  return parseTextArray(text).map((item) => (item === null ? null : parseInt8(item)));
}

/** Column parsers for every connection, embedded or not: int8 as number, all else as node-postgres has it. */
export const rowParsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") => {
    if (oid === INT8) return parseInt8;
    if (oid === INT8_ARRAY) return parseInt8Array;
    return driverParser(oid, format);
  }) as typeof pg.types.getTypeParser,
};
