/**
 * A condition that is always true and makes the planner expect a single row of a batch, so that each row of it is looked up by its key.
 *
 * It expects a hundred otherwise, and as long as the tables are small then reads the whole table for every batch; sessions keep such plans
 * while the tables grow. `column` is a text column of the batch that is never null.
 */
export const ONE_BY_ONE = (column: string): string => `${column} = ${column} || ''`;
