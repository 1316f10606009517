// pandapush_types.test.js - the types of /client.js: programs as its users write
// them are understood, and what they cannot do is refused.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { Ours, Pandapush } from './lib/faye.js';
import { tmpdir, top } from './lib/proc.js';

const TYPES = path.join(top, 'ingress/www/pandapush.d.ts');
const OPTIONS = { strict: true, noEmit: true, types: [],
	target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS,
	moduleResolution: ts.ModuleResolutionKind.Node10,
	lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'] };

// What the compiler says of a program that lies beside the types, and of them.
function faults(text) {
	const dir = tmpdir();
	const file = path.join(dir, 'program.ts');
	const types = path.join(dir, 'client.d.ts');

	fs.copyFileSync(TYPES, types);
	fs.writeFileSync(file, text);
	const program = ts.createProgram([types, file], OPTIONS);

	return ts.getPreEmitDiagnostics(program).map(({ file: at, start,
		messageText }) => `${path.basename(at?.fileName ?? '')}:${start}: ` +
		ts.flattenDiagnosticMessageText(messageText, ' '));
}

test('the programs of the README are ones of types', () => {
	assert.deepEqual(faults(`
		const client = new Pandapush.Client('http://localhost:5000/push');

		client.subscribe('/app/public/messages', (message) => {
			console.log('got message: ', message);
		});
		client.subscribeTo('/app/private/foo', 'token', (message) => {
			console.log(message);
		});`), []);
});

test('all that a client can do has a type', () => {
	assert.deepEqual(faults(`
		import { Client, Faye, Token } from './client';

		const token: Token = async () => 'x';
		const one = new Client('/push', { retry: 1, WebSocket, fetch });
		const sub: Faye.Subscription = one.subscribeTo('/a', token,
			(data, channel) => console.log(data, channel.length));

		sub.withChannel((channel, data) => console.log(channel, data))
			.callback(() => {}).errback((e) => console.log(e.code)).cancel();
		one.subscribe(['/a', '/b']).forEach((it) => it.cancel());
		one.publishTo('/a', null, { a: 1 }).then(() => {}, () => {});
		one.publish('/a', 1, { attempts: 3, deadline: 5 }).timeout(3);
		one.addExtension({ outgoing: (message, done) => done(message) });
		one.on('transport:down', () => {}).off('transport:down');
		one.disable('websocket');
		one.setHeader('a', 'b');
		new Faye.Client('/push').disconnect().then(() => {});`), []);
});

test('what cannot be is refused', () => {
	assert.deepEqual(faults(`
		import { Client } from './client';
		const one = new Client('/push');
		${["new Client(5)", "one.subscribeTo('/a', 5, () => {})",
		"one.subscribeTo('/a', null)", 'one.nothing()',
		"one.on('transport:up', 5)"].map((bad) =>
		`// @ts-expect-error\n${bad};\n`).join('')}`), []);
});

test('each member that has a type is there', () => {
	const file = ts.createSourceFile('client.d.ts',
		fs.readFileSync(TYPES, 'utf8'), ts.ScriptTarget.ES2022);
	const options = { WebSocket: null, fetch: () => new Promise(() => {}) };
	const client = new Pandapush.Client('http://x', options);
	const there = { Client: client, Scheduler: new Ours.Scheduler({}, {}),
		Error: new Ours.Error(null, [], ''),
		Deferrable: new Ours.Deferrable(),
		Subscription: client.subscribe('/a') };
	let n = 0;
	const look = (node) => {
		if (ts.isClassDeclaration(node))
			for (const { name } of node.members)
				if (name !== undefined && ++n)
					assert.ok(name.text in there[node.name.text],
						`${node.name.text}.${name.text}`);
		ts.forEachChild(node, look);
	};

	look(file);
	assert.ok(n > 30, `${n} members`);
	client.disconnect();
});
