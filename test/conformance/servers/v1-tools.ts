import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  type CallToolResult,
  CreateMessageResultSchema,
  type ElicitRequestFormParams,
  ElicitResultSchema,
  ListRootsResultSchema,
  McpError,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import {
  CONSTANT_TOOLS,
  FORM_WITH_DEFAULTS,
  FORM_WITH_ENUMS,
  INTENDED_ERROR,
  LOG_LINES,
  PROGRESS,
  REGION_SCHEMA,
  RICH_SCHEMA,
  STEP_MS,
  text,
  USER_FORM,
} from './content.ts';

export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** One call of a tool. */
interface Call {
  readonly server: Server;
  readonly args: Readonly<Record<string, unknown>>;
  readonly extra: Extra;
}

interface Tool {
  readonly description: string;
  readonly inputSchema: { type: 'object'; [keyword: string]: unknown };
  readonly run: (call: Call) => CallToolResult | Promise<CallToolResult>;
}

const NOTHING = { type: 'object' as const, properties: {} };
const MISSING_CAPABILITY = -32021;

function tool(description: string, run: Tool['run'], inputSchema: Tool['inputSchema'] = NOTHING): Tool {
  return { description, inputSchema, run };
}

function said(value: unknown): CallToolResult {
  return { content: [text(typeof value === 'string' ? value : JSON.stringify(value))] };
}

/** What asks the client asks it the way of SDK v1, in every era: a request while the call runs. */
export const V1_TOOLS: ReadonlyMap<string, Tool> = new Map(
  Object.entries({
    ...Object.fromEntries(
      Object.entries(CONSTANT_TOOLS).map(([name, content]) => [
        name,
        tool(`Answers like ${name}`, () => ({ content })),
      ]),
    ),
    test_tool_with_logging: tool('Logs while it runs', runLogging),
    test_logging_tool: tool('Logs while it runs', runLogging),
    test_tool_with_progress: tool('Tells how far it is', runProgress),
    test_error_handling: tool('Always fails', () => ({ ...said(INTENDED_ERROR), isError: true })),
    json_schema_2020_12_tool: tool(
      'Tool with JSON Schema 2020-12 features',
      ({ args }) => said(args),
      RICH_SCHEMA,
    ),
    test_header_parameter: tool(
      'Takes an argument that is also a header',
      ({ args }) => said(args),
      REGION_SCHEMA,
    ),
    purge_all: tool('Not for the caller of the suite', () => said('purged')),
    test_missing_capability: tool('Needs sampling', ({ server }) => {
      if (server.getClientCapabilities()?.sampling !== undefined) return said('The client can sample');
      throw new McpError(MISSING_CAPABILITY, 'Sampling is needed', {
        requiredCapabilities: { sampling: {} },
      });
    }),
    test_trigger_tool_change: tool('Changes the list of tools', async ({ server }) => {
      await server.sendToolListChanged();
      return said('changed');
    }),
    test_trigger_prompt_change: tool('Changes the list of prompts', async ({ server }) => {
      await server.sendPromptListChanged();
      return said('changed');
    }),
    test_sampling: tool(
      'Asks the model of the client',
      async ({ args, extra }) => {
        const { content } = await askModel(extra, String(args['prompt']), 100);
        return said(`LLM response: ${content.type === 'text' ? content.text : ''}`);
      },
      takes('prompt'),
    ),
    test_elicitation: tool(
      'Asks the user',
      async ({ args, extra }) => {
        const answer = await askUser(extra, String(args['message']), USER_FORM);
        return said(`User response: ${JSON.stringify(answer)}`);
      },
      takes('message'),
    ),
    test_elicitation_sep1034_defaults: tool('Asks the user with a form', runForm(FORM_WITH_DEFAULTS)),
    test_elicitation_sep1330_enums: tool('Asks the user with a form', runForm(FORM_WITH_ENUMS)),
    ...inputTools(),
  }),
);

/** Tools of the 2026 scenarios on questions, as a server of the 2025 era has them. */
function inputTools(): Readonly<Record<string, Tool>> {
  const askName: Tool['run'] = async ({ extra }) =>
    said(await askUser(extra, 'What is your name?', formOf('name', 'string')));
  const confirm: Tool['run'] = async ({ extra }) => {
    await askUser(extra, 'Please confirm', formOf('ok', 'boolean'));
    return said('state-ok');
  };
  return {
    test_input_required_result_elicitation: tool('Asks a name', askName),
    test_streaming_elicitation: tool('Asks a name', askName),
    test_input_required_result_sampling: tool('Asks the model', async ({ extra }) =>
      said(await askModel(extra, 'What is the capital of France?', 100)),
    ),
    test_input_required_result_list_roots: tool('Asks for roots', async ({ extra }) =>
      said(await askRoots(extra)),
    ),
    test_input_required_result_request_state: tool('Asks for a confirmation', confirm),
    test_input_required_result_tampered_state: tool('Asks for a confirmation', confirm),
    test_input_required_result_multiple_inputs: tool('Asks for three things at once', async ({ extra }) =>
      said(
        await Promise.all([
          askUser(extra, 'What is your name?', formOf('name', 'string')),
          askModel(extra, 'Generate a greeting', 50),
          askRoots(extra),
        ]),
      ),
    ),
    test_input_required_result_multi_round: tool('Asks one thing after the other', async ({ extra }) => {
      const first = await askUser(extra, 'Step 1: What is your name?', formOf('name', 'string'));
      const second = await askUser(extra, 'Step 2: What is your favorite color?', formOf('color', 'string'));
      return said([first.content, second.content]);
    }),
    test_input_required_result_capabilities: tool(
      'Asks what the client can answer',
      async ({ server, extra }) => {
        const can = server.getClientCapabilities();
        if (can?.elicitation !== undefined)
          await askUser(extra, 'What is your name?', formOf('name', 'string'));
        return can?.sampling === undefined
          ? said('done')
          : said(await askModel(extra, 'Generate a greeting', 50));
      },
    ),
  };
}

async function runLogging({ server, extra }: Call): Promise<CallToolResult> {
  for (const data of LOG_LINES) {
    await server.sendLoggingMessage({ level: 'info', data }, extra.sessionId);
    await sleep(STEP_MS, undefined, { signal: extra.signal });
  }
  return said('Logged');
}

async function runProgress({ extra }: Call): Promise<CallToolResult> {
  const progressToken = extra._meta?.progressToken;
  for (const progress of PROGRESS) {
    if (progressToken !== undefined) {
      const params = { progressToken, progress, total: 100 };
      await extra.sendNotification({ method: 'notifications/progress', params });
    }
    await sleep(STEP_MS, undefined, { signal: extra.signal });
  }
  return said(String(progressToken ?? 'no progress token'));
}

type Form = ElicitRequestFormParams['requestedSchema'];

function runForm(requestedSchema: Form): Tool['run'] {
  return async ({ extra }) => {
    const { action, content } = await askUser(extra, 'Please fill in', requestedSchema);
    return said(`Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`);
  };
}

export function askUser(extra: Extra, message: string, requestedSchema: Form) {
  const params = { message, requestedSchema };
  return extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema);
}

function askModel(extra: Extra, question: string, maxTokens: number) {
  const params = { messages: [{ role: 'user' as const, content: text(question) }], maxTokens };
  return extra.sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema);
}

function askRoots(extra: Extra) {
  return extra.sendRequest({ method: 'roots/list' }, ListRootsResultSchema);
}

export function formOf(field: string, type: 'string' | 'boolean'): Form {
  const property = type === 'string' ? { type } : { type };
  return { type: 'object', properties: { [field]: property }, required: [field] };
}

function takes(name: string): Tool['inputSchema'] {
  return { type: 'object', properties: { [name]: { type: 'string' } }, required: [name] };
}
