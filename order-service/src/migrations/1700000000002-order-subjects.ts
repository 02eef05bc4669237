import type { MigrationInterface, QueryRunner } from "typeorm";

/** The subject that placed an order; null where authentication is off. */
export class OrderSubjects1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE orders ADD COLUMN subject text");
    // Empty, and free, where authentication is off.
    await runner.query(
      `CREATE INDEX orders_by_subject ON orders (subject, product_id, id DESC)
       WHERE subject IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX orders_by_subject");
    await runner.query("ALTER TABLE orders DROP COLUMN subject");
  }
}
