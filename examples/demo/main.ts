import { parseArgs } from 'node:util';
import { type Demo, findFreePort, PEOPLE, type Person, startDemo } from './demo-gate.ts';
import { playStory } from './story.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    once: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const port = values.port === undefined ? (values.once ? await findFreePort() : 3000) : Number(values.port);
const demo = await startDemo(port === 0 ? await findFreePort() : port).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error('Choose another port with --port.');
  process.exit(1);
});
const tokens = Object.fromEntries(
  await Promise.all(PEOPLE.map(async (person) => [person, await demo.token(person)] as const)),
) as Record<Person, string>;

if (values.json) console.log(JSON.stringify({ ready: true, url: demo.urls.notes, urls: demo.urls, tokens }));
if (values.once) {
  await playStory(demo, (line) => (values.json ? console.error(line) : console.log(line)));
  await demo.close();
} else {
  if (!values.json) console.log(welcome(demo, tokens));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void demo.close().then(() => process.exit(0)));
  }
}

function welcome({ urls }: Demo, { alice, bob, admin }: Record<Person, string>): string {
  return `The gate is open (SDK v2 server and wrapped SDK v1 server):
  ${urls.notes}
  ${urls.reports}

Tokens (12 hours, from an issuer that lives in this process):
  ALICE=${alice}
  BOB=${bob}
  ADMIN=${admin}

curl
  curl -s ${urls.notes} -H "Authorization: Bearer $ALICE" -H 'Content-Type: application/json' \\
    -H 'Accept: application/json, text/event-stream' \\
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add_note","arguments":{"text":"hello"}}}'

MCP Inspector (Node 22 or newer)
  npx @modelcontextprotocol/inspector --cli --server-url ${urls.notes} --transport http \\
    --header "Authorization: Bearer $ALICE" --method tools/list

Claude Code
  claude mcp add --transport http notes ${urls.notes} --header "Authorization: Bearer $ALICE"

VS Code (.vscode/mcp.json)
  {"servers":{"notes":{"type":"http","url":"${urls.notes}","headers":{"Authorization":"Bearer $ALICE"}}}}

Stop with Ctrl-C.`;
}
