import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CallToolResult,
  fromJsonSchema,
  inputRequired,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
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

const PROMPT = z.object({ prompt: z.string() });
const MESSAGE = z.object({ message: z.string() });
const RICH = fromJsonSchema(RICH_SCHEMA);
const REGION = fromJsonSchema<{ region?: string }>(REGION_SCHEMA);

/** The tools whose calls end with their first answer. */
export function registerTools(server: McpServer): void {
  for (const [name, content] of Object.entries(CONSTANT_TOOLS)) {
    server.registerTool(name, { description: `Answers like ${name}` }, () => ({ content }));
  }
  registerNotifyingTools(server);
  registerAskingTools(server);
  registerChangingTools(server);
  server.registerTool('test_error_handling', { description: 'Always fails' }, () => {
    throw new Error(INTENDED_ERROR);
  });
  server.registerTool(
    'json_schema_2020_12_tool',
    { description: 'Tool with JSON Schema 2020-12 features', inputSchema: RICH },
    (args) => ({ content: [text(JSON.stringify(args))] }),
  );
  server.registerTool(
    'test_header_parameter',
    { description: 'Takes an argument that is also a header', inputSchema: REGION },
    ({ region }) => ({ content: [text(`region: ${region ?? 'none'}`)] }),
  );
  server.registerTool('purge_all', { description: 'Not for the caller of the suite' }, () => ({
    content: [text('purged')],
  }));
  // The SDK refuses in the server's name what the client did not declare.
  server.registerTool('test_missing_capability', { description: 'Needs sampling' }, () => {
    const messages = [{ role: 'user' as const, content: text('Hello') }];
    return inputRequired({
      inputRequests: { greeting: inputRequired.createMessage({ messages, maxTokens: 10 }) },
    });
  });
}

function registerNotifyingTools(server: McpServer): void {
  const logs = async (ctx: ServerContext): Promise<CallToolResult> => {
    for (const line of LOG_LINES) {
      await ctx.mcpReq.log('info', line);
      await sleep(STEP_MS, undefined, { signal: ctx.mcpReq.signal });
    }
    return { content: [text('Logged')] };
  };
  server.registerTool('test_tool_with_logging', { description: 'Logs while it runs' }, logs);
  server.registerTool('test_logging_tool', { description: 'Logs while it runs' }, logs);
  server.registerTool('test_tool_with_progress', { description: 'Tells how far it is' }, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (const progress of PROGRESS) {
      if (progressToken !== undefined) {
        const params = { progressToken, progress, total: 100 };
        await ctx.mcpReq.notify({ method: 'notifications/progress', params });
      }
      await sleep(STEP_MS, undefined, { signal: ctx.mcpReq.signal });
    }
    return { content: [text(String(progressToken ?? 'no progress token'))] };
  });
}

/**
 * Questions of the 2025 era: requests from the server to the client while the call runs. They are sent as part of
 * the call, so that they come on its stream: `elicitInput` needs one that a client may not have opened yet.
 */
function registerAskingTools(server: McpServer): void {
  server.registerTool(
    'test_sampling',
    { description: 'Asks the model of the client', inputSchema: PROMPT },
    async ({ prompt }, ctx) => {
      const messages = [{ role: 'user' as const, content: text(prompt) }];
      const params = { messages, maxTokens: 100 };
      const { content } = await ctx.mcpReq.send({ method: 'sampling/createMessage', params });
      const answer = Array.isArray(content) ? content[0] : content;
      return { content: [text(`LLM response: ${answer?.type === 'text' ? answer.text : ''}`)] };
    },
  );
  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user', inputSchema: MESSAGE },
    async ({ message }, ctx) => {
      const params = { message, requestedSchema: USER_FORM };
      const answer = await ctx.mcpReq.send({ method: 'elicitation/create', params });
      return { content: [text(`User response: ${JSON.stringify(answer)}`)] };
    },
  );
  const forms = {
    test_elicitation_sep1034_defaults: FORM_WITH_DEFAULTS,
    test_elicitation_sep1330_enums: FORM_WITH_ENUMS,
  };
  for (const [name, requestedSchema] of Object.entries(forms)) {
    server.registerTool(name, { description: 'Asks the user with a form' }, async (ctx) => {
      const params = { message: 'Please fill in', requestedSchema };
      const { action, content } = await ctx.mcpReq.send({ method: 'elicitation/create', params });
      const answer = `action=${action}, content=${JSON.stringify(content ?? {})}`;
      return { content: [text(`Elicitation completed: ${answer}`)] };
    });
  }
}

function registerChangingTools(server: McpServer): void {
  server.registerTool('test_trigger_tool_change', { description: 'Changes the list of tools' }, () => {
    server.sendToolListChanged();
    return { content: [text('changed')] };
  });
  server.registerTool('test_trigger_prompt_change', { description: 'Changes the list of prompts' }, () => {
    server.sendPromptListChanged();
    return { content: [text('changed')] };
  });
}
