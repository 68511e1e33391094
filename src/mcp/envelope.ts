/** The first version of the protocol whose requests carry everything that a session held before. */
export const MODERN_VERSION = '2026-07-28';

/** The keys of `_meta` that every request of that version carries (MCP 2026-07-28, Basic, `_meta`). */
export const ENVELOPE = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
} as const;

/** The key of `_meta` under which a result says what server it is from. */
export const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo';
