import { context, propagation, type TextMapPropagator, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { onTestFinished } from 'vitest';

/** W3C Trace Context §3.2, as the OpenTelemetry SDK for Node installs it by default. */
const W3C: TextMapPropagator = {
  fields: () => ['traceparent'],
  inject: () => {},
  extract(parent, carrier, getter) {
    const [, traceId, spanId, flags] =
      /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(String(getter.get(carrier, 'traceparent'))) ??
      [];
    if (traceId === undefined || spanId === undefined) return parent;
    return trace.setSpanContext(parent, {
      traceId,
      spanId,
      traceFlags: Number.parseInt(flags ?? '0', 16),
      isRemote: true,
    });
  },
};

/** Installs OpenTelemetry as an application does, for this test; gives back where its spans go. */
export function collectSpans(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  propagation.setGlobalPropagator(W3C);
  onTestFinished(() => {
    trace.disable();
    propagation.disable();
    context.disable();
  });
  return exporter;
}
