// incus_types.test.js - the types of /incus.js: programs as its users write them
// are understood, in a page and in Node, and what they cannot do is refused.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { Incus } from './lib/incus_whole.js';
import { tmpdir, top } from './lib/proc.js';

const TYPES = path.join(top, 'ingress/www/incus.d.ts');
const OPTIONS = { strict: true, noEmit: true, types: [],
	target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS,
	moduleResolution: ts.ModuleResolutionKind.Node10 };
const PAGE = { ...OPTIONS, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'] };
const NODE = { ...OPTIONS, lib: ['lib.es2022.d.ts'], types: ['node'],
	typeRoots: [path.join(top, 'tests/node_modules/@types')] };

const parsed = new Map(); // libraries, once for all

// What the compiler says of a program that lies beside the types, and of them.
function faults(text, options) {
	const dir = tmpdir();
	const file = path.join(dir, 'program.ts');
	const types = path.join(dir, 'incus.d.ts');
	const host = ts.createCompilerHost(options);
	const read = host.getSourceFile;

	host.getSourceFile = (name, ...more) => {
		if (!parsed.has(name))
			parsed.set(name, read(name, ...more));
		return parsed.get(name);
	};
	fs.copyFileSync(TYPES, types);
	fs.writeFileSync(file, text);
	const program = ts.createProgram([types, file], options, host);

	return [...program.getOptionsDiagnostics(),
		...[types, file].map((name) => program.getSourceFile(name))
			.flatMap((one) => [...program.getSyntacticDiagnostics(one),
				...program.getSemanticDiagnostics(one)])]
		.map(({ file, start, messageText }) =>
			`${path.basename(file?.fileName ?? '')}:${start}: ` +
			ts.flattenDiagnosticMessageText(messageText, ' '));
}

test('the program of the README is one of types, with a script or a module',
	() => {
		const program = `
			const incus = new Incus('http://localhost:4000', 'ann', 'news');

			incus.on('hello', (data) => console.log(data));
			incus.MessageUser('hello', 'ann', { text: 'hi' });`;

		for (const load of ['', 'import Incus = require("./incus");\n'])
			assert.deepEqual(faults(load + program, PAGE), [], load);
	});

test('all that a client and presence can do has a type', () => {
	assert.deepEqual(faults(`
		import Incus = require('./incus');

		const one: Incus.Client = new Incus.Client('http://x', 5, null,
			{ WebSocket, fetch, token: 't' });
		const other: Incus = new Incus.Incus('http://x', 'u', 7);
		const hello: Incus.Handler<{ n: number }> = (data, message) =>
			console.log(data.n + message.time, message.cursor);
		const presence = new Incus.Presence(60, document.body);

		one.on('hello', hello).once('gap', () => {}).off('hello', hello);
		other.MessagePage('e', 'p', { a: 1 }).MessageAll('e', {})
			.MessageUser('e', 5, {}).setPage('p').setPresence(true)
			.send(one.newCommand('setpresence', { presence: true }))
			.send(one.newCommand({ command: 'x', user: 'u' })).close();
		presence.on('idle', () => console.log(presence.idle));
		for (const client of [one, other])
			new Incus.Presence.IncusNotifier(presence, client);
		new Incus.Presence(1, new EventTarget()).close();
		console.log(one.socketConnected, one.cursor, one.UID, one.page);`,
	PAGE), []);
});

// As the types of the module ws have it, which knows no page.
const WS = `
	interface Event { type: string; target: Socket }
	declare class Socket {
		constructor(address: string | URL, options?: { origin: string });
		constructor(address: null);
		onopen: ((event: Event) => void) | null;
		onmessage: ((event: Event & { data: string | Buffer }) => void) | null;
		onerror: ((event: Event & { error: any }) => void) | null;
		onclose: ((event: Event & { code: number }) => void) | null;
		send(data: string | Buffer, done?: (error?: Error) => void): void;
		close(code?: number, reason?: string | Buffer): void;
	}`;

test('in Node a WebSocket of a module may be had, and no page is needed', () => {
	assert.deepEqual(faults(`
		import Incus = require('./incus');
		${WS}
		new Incus('http://x', 'u', 'p', { WebSocket: Socket })
			.on('hello', (data, message) => console.log(data, message.time));
		new Incus('http://x', 'u', null, { WebSocket: null });`, NODE), []);
});

// Where nothing is wrong, a line that says so is wrong itself.
test('what cannot be is refused', () => {
	assert.deepEqual(faults(`
		import Incus = require('./incus');
		const one = new Incus('http://x', 'u');
		${["new Incus('http://x')", "new Incus('http://x', {})",
		"one.MessageAll('e', 'text')", "one.page = 'p'", 'one.nothing()',
		"new Incus('http://x', 'u', 'p', { WebSocket: Date })",
		"new Incus.Presence().on('gone', () => {})"].map((bad) =>
		`// @ts-expect-error\n${bad};\n`).join('')}`, PAGE), []);
});

test('each member that has a type is there', () => {
	const file = ts.createSourceFile('incus.d.ts',
		fs.readFileSync(TYPES, 'utf8'), ts.ScriptTarget.ES2022);
	const client = new Incus.Client('http://x', 'u', null,
		{ WebSocket: null, fetch: () => new Promise(() => {}) });
	const there = { Emitter: client, Client: client,
		Presence: new Incus.Presence(60, new EventTarget()) };
	let n = 0;

	for (const one of file.statements.filter(ts.isClassDeclaration))
		for (const { name } of one.members)
			if (name !== undefined && ++n)
				assert.ok(name.text in (there[one.name.text] ?? {}),
					`${one.name.text}.${name.text}`);
	assert.ok(n > 15, `${n} members`);
	assert.ok(new Incus('http://x', 'u', null, { WebSocket: null,
		fetch: () => new Promise(() => {}) }).close() instanceof Incus.Client);
	assert.equal(Incus.Incus, Incus);
	client.close();
	there.Presence.close();
});
