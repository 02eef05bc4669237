import { getMetadataArgsStorage } from "typeorm";

/*
 * The columns of an entity for the statements that no repository can send (batches). They are declared in the entity alone, so a
 * new one is read and written by every statement that is made from these lists.
 */

type EntityClass = new () => object;

const columnsOf = (entity: EntityClass) => getMetadataArgsStorage().filterColumns(entity);

type ColumnArgs = ReturnType<typeof columnsOf>[number];

const nameOf = ({ options, propertyName }: ColumnArgs): string => options.name ?? propertyName;

/** What to SELECT or RETURN so that rows have the entity's properties: `o.id AS "id", o.product_id AS "productId"`. */
export function selectedColumns(entity: EntityClass, tableAlias: string): string {
  return columnsOf(entity)
    .filter(({ options }) => options.select !== false)
    .map((column) => `${tableAlias}.${nameOf(column)} AS "${column.propertyName}"`)
    .join(", ");
}

export interface InsertedColumns<Row> {
  /** `id, product_id` */
  readonly names: string;
  /** `unnest($1::uuid[], $2::integer[])`: many rows are a few arrays, whose text stays the same however many there are. */
  readonly rows: string;
  /** The number of the first parameter behind them. */
  readonly nextParameter: number;
  readonly parameters: (rows: readonly Row[]) => unknown[][];
}

/** What a batch inserts: every column but those with `insert: false` and those that PostgreSQL dates. */
export function insertedColumns<Row extends object>(entity: EntityClass): InsertedColumns<Row> {
  const columns = columnsOf(entity).filter(
    ({ options, mode }) => options.insert !== false && mode === "regular",
  );
  const properties = columns.map(({ propertyName }) => propertyName as keyof Row);
  return {
    names: columns.map(nameOf).join(", "),
    rows: `unnest(${columns.map(({ options }, index) => `$${index + 1}::${String(options.type)}[]`).join(", ")})`,
    nextParameter: columns.length + 1,
    parameters: (rows) => properties.map((property) => rows.map((row) => row[property])),
  };
}
