import * as z from 'zod';
import { gateConfigSchema } from './gate-schema.ts';

/** Where editors find the schema of the published package. */
export const CONFIG_SCHEMA_ID = 'https://unpkg.com/mcp-gatehouse/schema/gatehouse.config.schema.json';

/**
 * JSON Schema (draft 2020-12) of a configuration file before its references are replaced. It knows shapes,
 * names and ranges; rules over several values, and the form of URLs and secrets, are the parser's alone.
 */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(gateConfigSchema, { io: 'input', target: 'draft-2020-12' });
  return {
    $schema,
    $id: CONFIG_SCHEMA_ID,
    title: 'Configuration of mcp-gatehouse',
    description: 'Strings may hold ${env:NAME} and ${file:PATH}; write $${ for a literal ${.',
    ...schema,
  };
}
