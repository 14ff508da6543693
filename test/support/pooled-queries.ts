import type pg from 'pg';
import type { Queryable } from '../../platform/postgres/pool.ts';
import type { TestDatabase } from './database.ts';

const queryableOf = (connection: pg.Pool | pg.PoolClient): Queryable => ({
  query: (statement, parameters) => (typeof statement === 'string' ? connection.query(statement, parameters) : connection.query(statement)),
});

/** The three ways in which a test asks its database. */
export function pooledQueries(pool: pg.Pool): Pick<TestDatabase, 'query' | 'db' | 'transaction'> {
  return {
    async query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, parameters?: unknown[]) {
      return (await pool.query<Row>(sql, parameters)).rows;
    },
    db: queryableOf(pool),
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const result = await work(queryableOf(client));
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
  };
}
