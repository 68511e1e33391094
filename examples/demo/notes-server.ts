import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { NotesStore } from './notes-store.ts';

const ADD = z.object({ text: z.string().min(1).max(1000).describe('What to remember') });
const DELETE = z.object({ id: z.number().int().describe('Id of the note') });

/** An MCP server on SDK v2 that knows nothing of the gate: it gets the user's upstream token, no more. */
export function createNotesServer(store: NotesStore) {
  return (accessToken: string): McpServer => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    server.registerTool('list_notes', { description: 'Lists your notes' }, () => ({
      content: [{ type: 'text', text: JSON.stringify(store.list(accessToken)) }],
    }));
    server.registerTool('add_note', { description: 'Adds a note', inputSchema: ADD }, ({ text }) => ({
      content: [{ type: 'text', text: JSON.stringify(store.add(accessToken, text)) }],
    }));
    server.registerTool('delete_note', { description: 'Deletes a note', inputSchema: DELETE }, ({ id }) => ({
      content: [{ type: 'text', text: store.remove(accessToken, id) ? 'deleted' : 'no such note' }],
    }));
    server.registerTool('purge_all', { description: 'Deletes the notes of everyone' }, () => ({
      content: [{ type: 'text', text: `deleted ${store.clear()} notes` }],
    }));
    return server;
  };
}
