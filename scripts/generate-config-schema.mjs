// Writes schema/gatehouse.config.schema.json from the schema that configuration files are parsed with.
import { mkdir, writeFile } from 'node:fs/promises';
import { createJiti } from 'jiti';

const jiti = createJiti(import.meta.url, { fsCache: false });
const { configJsonSchema } = await jiti.import('../src/config/json-schema.ts');

const directory = new URL('../schema/', import.meta.url);
await mkdir(directory, { recursive: true });
const text = `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`;
await writeFile(new URL('gatehouse.config.schema.json', directory), text);
