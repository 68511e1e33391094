import {
  context,
  ProxyTracerProvider,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Caller, MessageFacts } from '../core/admission.ts';
import type { CallSpan, CallTracer } from './call-tracer.ts';

/**
 * Spans through `@opentelemetry/api`: nothing is recorded until the application installs an SDK. The
 * parent is the caller's `traceparent`, from `_meta` or the HTTP header (W3C Trace Context).
 * Attributes name who and what; never a token, never arguments.
 */
export function createOtelTracer(server: string): CallTracer {
  const tracer = trace.getTracer(NAME);
  return {
    start(caller, facts) {
      if (!isRecording()) return NO_SPAN;
      const span = tracer.startSpan(
        spanName(facts),
        { kind: SpanKind.SERVER, attributes: attributesOf(server, caller, facts) },
        parentOf(facts),
      );
      return toCallSpan(span);
    },
  };
}

const NO_SPAN: CallSpan = Object.freeze({ end: () => undefined });

/** Records nothing. */
export const NO_TRACER: CallTracer = { start: () => NO_SPAN };

/** Until the application installs a provider, which it may do late, there is nobody to tell. */
function isRecording(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(NAME) !== undefined;
}

const NAME = 'mcp-gatehouse';

function parentOf(facts: MessageFacts) {
  const active = context.active();
  return facts.traceparent === undefined
    ? active
    : propagation.extract(active, { traceparent: facts.traceparent });
}

function spanName(facts: MessageFacts): string {
  const tool = facts.accesses.find(({ target }) => target.kind === 'tool' || target.kind === 'prompt');
  return tool === undefined ? facts.method : `${facts.method} ${tool.target.name.slice(0, 128)}`;
}

function attributesOf(server: string, { principal, context: request }: Caller, facts: MessageFacts) {
  return {
    'rpc.system': 'jsonrpc',
    'rpc.method': facts.method,
    'mcp.server': server,
    'enduser.id': principal.subject,
    ...(principal.tenantId !== undefined && { 'mcp.tenant': principal.tenantId }),
    ...(request.requestId !== undefined && { 'mcp.request_id': request.requestId }),
  };
}

function toCallSpan(span: Span): CallSpan {
  const { traceId } = span.spanContext();
  return {
    traceId: /^0+$/.test(traceId) ? undefined : traceId,
    end(outcome) {
      const error = 'refused' in outcome ? outcome.code : outcome.error;
      if (error !== undefined) {
        span.setAttribute('error.type', String(error));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}
