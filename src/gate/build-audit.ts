import type { AuditSink } from '../audit/audit-sink.ts';
import { createCallbackSink } from '../audit/callback.ts';
import { createConsoleSink } from '../audit/console.ts';
import { createFanOut } from '../audit/fan-out.ts';
import { createFileSink } from '../audit/file.ts';
import type { ResolvedAudit } from '../config/resolved-options.ts';

export function buildAudit(entries: readonly ResolvedAudit[]): AuditSink {
  return createFanOut(entries.map(buildSink));
}

function buildSink(entry: ResolvedAudit): AuditSink {
  switch (entry.type) {
    case 'console':
      return createConsoleSink();
    case 'file':
      return createFileSink(entry);
    case 'callback':
      return createCallbackSink(entry.write);
    case 'custom':
      return entry.sink;
  }
}
