/** Parameters of a path or a query, as their schemas gave them back. A file of its own: routes and exchange both name it. */
export type Values = Readonly<Record<string, string | number | undefined>>;
