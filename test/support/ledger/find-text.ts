import type { SqlRunner } from "../../../src/ledger/connection/database.ts";

interface Column {
  readonly table: string;
  readonly column: string;
}

/** Every column of every table, of whatever schema, that can hold words and has one that contains `text`, as `table.column (rows)`. */
export async function findText(sql: SqlRunner, text: string): Promise<string[]> {
  const columns = await sql.query<Column>({
    text: `select format('%I.%I', n.nspname, c.relname) as "table", a.attname as column
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
      where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
        and (t.typcategory in ('S', 'A', 'U', 'C') or t.typname in ('json', 'jsonb', 'xml', 'bytea', 'hstore'))
      order by 1, 2`,
  });
  if (columns.length < 100) throw new Error(`only ${columns.length} columns were looked at`);
  const found: string[] = [];
  for (const { table, column } of columns) {
    const [row] = await sql.query<{ n: number }>(
      { text: `select count(*)::int as n from ${table} where position($1 in "${column}"::text) > 0` },
      [text],
    );
    if (row !== undefined && row.n > 0) found.push(`${table}.${column} (${row.n})`);
  }
  return found;
}
