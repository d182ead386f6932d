/** An object type whose optional members, when present, are never undefined. */
export type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out members that are undefined: for the store, an absent member and a member without a value are not the same. */
export function defined<T extends object>(value: T): Defined<T> {
  // Only members that are undefined are gone, which is what the type says.
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
