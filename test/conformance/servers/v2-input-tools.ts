import {
  acceptedContent,
  type InputRequest,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type McpServer,
  type RequestStateCodec,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { text } from './content.ts';

const NAME = z.object({ name: z.string() });
const COLOR = z.object({ color: z.string() });
const OK = z.object({ ok: z.boolean() });
const CONTEXT = z.object({ context: z.string() });

/** What a call has gone through so far, sealed: it comes back from the client. */
type State = RequestStateCodec<readonly string[]>;

/** Tools and a prompt of the 2026 era that need an answer of the client before they have one (SEP-2322). */
export function registerInputTools(server: McpServer, state: State): void {
  registerSingleQuestions(server);
  registerStatefulTools(server, state);
  registerRounds(server, state);
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks only what the client can answer' },
    () => {
      const can = server.server.getClientCapabilities();
      const inputRequests = {
        ...(can?.elicitation && { user_name: askName() }),
        ...(can?.sampling && { greeting: askModel('Generate a greeting', 50) }),
      };
      return Object.keys(inputRequests).length === 0
        ? { content: [text('Nothing can be asked')] }
        : inputRequired({ inputRequests });
    },
  );
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'A prompt that asks for its context' },
    (ctx) => {
      const answer = acceptedContent(ctx.mcpReq.inputResponses, 'user_context', CONTEXT);
      if (answer !== undefined) {
        return { messages: [{ role: 'user', content: text(`In the context of ${answer.context}`) }] };
      }
      const message = 'What context should the prompt use?';
      return inputRequired({
        inputRequests: { user_context: inputRequired.elicit({ message, requestedSchema: CONTEXT }) },
      });
    },
  );
}

function registerSingleQuestions(server: McpServer): void {
  const askForName = (ctx: ServerContext) => {
    const answer = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', NAME);
    return answer === undefined
      ? inputRequired({ inputRequests: { user_name: askName() } })
      : { content: [text(`Hello, ${answer.name}!`)] };
  };
  server.registerTool('test_input_required_result_elicitation', { description: 'Asks a name' }, askForName);
  server.registerTool('test_streaming_elicitation', { description: 'Asks a name' }, askForName);
  server.registerTool('test_input_required_result_sampling', { description: 'Asks the model' }, (ctx) => {
    const answer = inputResponse(ctx.mcpReq.inputResponses, 'capital_question');
    return answer.kind === 'sampling'
      ? { content: [text(JSON.stringify(answer.result.content))] }
      : inputRequired({
          inputRequests: { capital_question: askModel('What is the capital of France?', 100) },
        });
  });
  server.registerTool('test_input_required_result_list_roots', { description: 'Asks for roots' }, (ctx) => {
    const answer = inputResponse(ctx.mcpReq.inputResponses, 'client_roots');
    return answer.kind === 'roots'
      ? { content: [text(answer.roots.map(({ uri }) => uri).join('\n'))] }
      : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  });
}

function registerStatefulTools(server: McpServer, state: State): void {
  const confirm = async (ctx: ServerContext) => {
    const answer = acceptedContent(ctx.mcpReq.inputResponses, 'confirm', OK);
    if (answer !== undefined && stateOf(ctx).includes('asked')) return { content: [text('state-ok')] };
    const requestedSchema = OK;
    return inputRequired({
      inputRequests: { confirm: inputRequired.elicit({ message: 'Please confirm', requestedSchema }) },
      requestState: await state.mint(['asked'], ctx),
    });
  };
  const description = 'Asks for a confirmation, with state';
  server.registerTool('test_input_required_result_request_state', { description }, confirm);
  server.registerTool('test_input_required_result_tampered_state', { description }, confirm);
  server.registerTool(
    'test_input_required_result_multiple_inputs',
    { description: 'Asks for three things at once' },
    async (ctx) => {
      const responses = ctx.mcpReq.inputResponses;
      const name = acceptedContent(responses, 'user_name', NAME);
      const greeting = inputResponse(responses, 'greeting');
      const roots = inputResponse(responses, 'client_roots');
      const isComplete = name !== undefined && greeting.kind === 'sampling' && roots.kind === 'roots';
      if (isComplete && stateOf(ctx).includes('asked')) return { content: [text(`Hello, ${name.name}!`)] };
      const inputRequests = {
        user_name: askName(),
        greeting: askModel('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      };
      return inputRequired({ inputRequests, requestState: await state.mint(['asked'], ctx) });
    },
  );
}

function registerRounds(server: McpServer, state: State): void {
  const ask = async (
    key: string,
    request: InputRequest,
    requestState: string,
  ): Promise<InputRequiredResult> => inputRequired({ inputRequests: { [key]: request }, requestState });
  server.registerTool(
    'test_input_required_result_multi_round',
    { description: 'Asks one thing after the other' },
    async (ctx) => {
      const known = stateOf(ctx);
      const responses = ctx.mcpReq.inputResponses;
      const color = acceptedContent(responses, 'step2', COLOR);
      if (known[0] === 'step2' && color !== undefined) {
        return { content: [text(`${known[1]} likes ${color.color}`)] };
      }
      const name = acceptedContent(responses, 'step1', NAME);
      if (known[0] === 'step1' && name !== undefined) {
        const message = 'Step 2: What is your favorite color?';
        const request = inputRequired.elicit({ message, requestedSchema: COLOR });
        return ask('step2', request, await state.mint(['step2', name.name], ctx));
      }
      const request = inputRequired.elicit({ message: 'Step 1: What is your name?', requestedSchema: NAME });
      return ask('step1', request, await state.mint(['step1'], ctx));
    },
  );
}

function askName(): InputRequest {
  return inputRequired.elicit({ message: 'What is your name?', requestedSchema: NAME });
}

function askModel(question: string, maxTokens: number): InputRequest {
  const messages = [{ role: 'user' as const, content: text(question) }];
  return inputRequired.createMessage({ messages, maxTokens });
}

function stateOf(ctx: ServerContext): readonly string[] {
  return ctx.mcpReq.requestState<readonly string[]>() ?? [];
}
