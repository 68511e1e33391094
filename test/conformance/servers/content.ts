import { readFileSync } from 'node:fs';
import type { JsonSchemaType } from '@modelcontextprotocol/server';

/** What the scenarios of the suite expect to find, word for word. */
export const INFO = { name: 'conformance-fixture', version: '1.0.0' };

/** One red pixel. */
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
/** A sound without samples. */
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';

export const STEP_MS = 50;
export const SIMPLE_TEXT = 'This is a simple text response for testing.';
export const INTENDED_ERROR = 'This tool intentionally returns an error for testing';
export const LOG_LINES = ['Tool execution started', 'Tool processing data', 'Tool execution completed'];
export const PROGRESS = [0, 50, 100];

export const STATIC_TEXT = 'test://static-text';
export const STATIC_BINARY = 'test://static-binary';
export const WATCHED = 'test://watched-resource';
export const TEMPLATE = 'test://template/{id}/data';
export const COMPLETIONS = ['paris', 'park', 'party', 'test'];

export function text(value: string) {
  return { type: 'text' as const, text: value };
}

export function image() {
  return { type: 'image' as const, data: PNG, mimeType: 'image/png' };
}

function audio() {
  return { type: 'audio' as const, data: WAV, mimeType: 'audio/wav' };
}

export function embedded(uri: string, mimeType: string, content: string) {
  return { type: 'resource' as const, resource: { uri, mimeType, text: content } };
}

/** Tools that always answer the same. */
export const CONSTANT_TOOLS = {
  test_simple_text: [text(SIMPLE_TEXT)],
  test_image_content: [image()],
  test_audio_content: [audio()],
  test_embedded_resource: [
    embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'),
  ],
  test_multiple_content_types: [
    text('Multiple content types test:'),
    image(),
    embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ],
};

export function templateData(id: string): string {
  return JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
}

/** What `test_elicitation` asks for. */
export const USER_FORM = {
  type: 'object' as const,
  properties: {
    username: { type: 'string' as const, description: "User's response" },
    email: { type: 'string' as const, description: "User's email address" },
  },
  required: ['username', 'email'],
};

/** SEP-1034: a default for every primitive type. */
export const FORM_WITH_DEFAULTS = {
  type: 'object' as const,
  properties: {
    name: { type: 'string' as const, description: 'User name', default: 'John Doe' },
    age: { type: 'integer' as const, description: 'User age', default: 30 },
    score: { type: 'number' as const, description: 'User score', default: 95.5 },
    status: {
      type: 'string' as const,
      description: 'User status',
      enum: ['active', 'inactive', 'pending'],
      default: 'active',
    },
    verified: { type: 'boolean' as const, description: 'Verification status', default: true },
  },
  required: [],
};

/** SEP-1330: every way to offer a choice. */
export const FORM_WITH_ENUMS = {
  type: 'object' as const,
  properties: {
    untitledSingle: { type: 'string' as const, enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string' as const, oneOf: titled('Option') },
    legacyEnum: {
      type: 'string' as const,
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: {
      type: 'array' as const,
      items: { type: 'string' as const, enum: ['option1', 'option2', 'option3'] },
    },
    titledMulti: { type: 'array' as const, items: { anyOf: titled('Choice') } },
  },
  required: [],
};

function titled(word: string) {
  return ['First', 'Second', 'Third'].map((ordinal, index) => ({
    const: `value${index + 1}`,
    title: `${ordinal} ${word}`,
  }));
}

/** SEP-1613 and SEP-2106: keywords of JSON Schema 2020-12 that must reach the client. */
export const RICH_SCHEMA = JSON.parse(
  readFileSync(new URL('rich-schema.json', import.meta.url), 'utf8'),
) as JsonSchemaType & { type: 'object' };

/** SEP-2243: an argument that is repeated in the header Mcp-Param-Region. */
export const REGION_SCHEMA = {
  type: 'object' as const,
  properties: { region: { type: 'string', description: 'Where to look', 'x-mcp-header': 'Region' } },
};
