// pipes.test.js - send and tap: what goes in is published, what is handled
// comes out, and each failure is told.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Bus } from './lib/bus.js';
import { bin, start, until } from './lib/proc.js';

const C = '/demo/public/pipe';
const line = (data, more = {}) =>
	`${JSON.stringify({ channel: C, data, ...more })}\n`;
let bus, store;

before(async () => {
	bus = new Bus();
	store = await bus.start('store');
});
after(() => store.stop());

test('lines are published, and tap shows them', async () => {
	const tap = await bus.tap('-n', '3', C);
	const { code, err } = await bus.send(line(1) + '\n' +
	    JSON.stringify({ channel: '/demo/public/other', data: 0 }) + '\n' +
	    line({ a: [1.50] }) + JSON.stringify({ channel: C, text: 'Grüße' }));

	assert.equal(code, 0, err);
	assert.deepEqual(await tap.ended(), { code: 0, signal: null });
	assert.deepEqual(tap.bodies(), ['1', '{"a":[1.5]}', 'Grüße']);
	assert.deepEqual(tap.frames.map((f) => f.type),
		['', '', 'text/plain;charset=utf-8']);
});

test('the exit status counts what failed, stderr says which and why', async () => {
	const { code, err } = await bus.send(`{"channel":\n\n${line(1)}[]\n` +
	    `{"channel":"x","data":1}\n{"channel":"${C}"}\n` +
	    `{"channel":"${C}","data":1,"ttl":-1}\n`);

	assert.equal(code, 5);
	assert.match(err, /^line 1: bad_json: /m);
	assert.match(err, /^line 4: bad_json: not an object/m);
	assert.match(err, /^line 5: bad_channel: channel: /m);
	assert.match(err, /^line 6: missing_field: data: /m);
	assert.match(err, /^line 7: bad_field: ttl: /m);
	assert.equal(err.trim().split('\n').length, 5, err);
});

test('99 is the most a status says', async () => {
	const { code, err } = await bus.send('x\n'.repeat(300));

	assert.equal(code, 99);
	assert.equal(err.trim().split('\n').length, 300);
});

test('-v answers each line in JSON', async () => {
	const { code, out } = await bus.send(
		line(1, { id: 'one' }) + 'x\n' + line(1, { id: 'one' }), ['-v']);
	const replies = out.toString().trim().split('\n').map(JSON.parse)
		.sort((a, b) => a.line - b.line);

	assert.equal(code, 1);
	assert.match(replies[0].cursor, /^[0-9a-z]+\.\d+$/);
	assert.deepEqual(replies[0], { line: 1, id: 'one', channel: C,
		cursor: replies[0].cursor, hubs: 0, stored: 'fsync' });
	assert.equal(replies[1].error.code, 'bad_json');
	assert.equal(replies[2].cursor, replies[0].cursor, 'a repeat');
});

test('-c sends lines that need no envelope', async () => {
	const tap = await bus.tap('-n', '4', C);

	assert.equal((await bus.send('{"a":1}\r\nplain\n', ['-c', C])).code, 0);
	assert.equal((await bus.send('7\n8', ['-c', C, '--text'])).code, 0);
	await tap.got(4);
	assert.deepEqual(tap.frames.map((f) => [f.type, f.body]), [
		['', '{"a":1}'], ['text/plain;charset=utf-8', 'plain'],
		['text/plain;charset=utf-8', '7'],
		['text/plain;charset=utf-8', '8']]);
});

test('tap -m feeds send -m', async () => {
	const raw = await bus.start('tap', ['-m', '-n', '50', C], { piped: true });
	const parts = [];

	raw.child.stdout.on('data', (bytes) => parts.push(bytes));
	const lines = Array.from({ length: 50 }, (_, i) => line(i)).join('');

	assert.equal((await bus.send(lines)).code, 0);
	await raw.ended();
	const tap = await bus.tap('-n', '50', C);
	const frames = Buffer.concat(parts);

	assert.equal((await bus.send(frames, ['-m'])).code, 0);
	await tap.got(50);
	assert.deepEqual(tap.bodies(), Array.from({ length: 50 }, (_, i) => `${i}`));
	const cut = await bus.send(frames.subarray(0, frames.length - 1), ['-m']);

	assert.equal(cut.code, 1, cut.err);
	assert.match(cut.err, /^frame 50: bad_request: /m);
});

// Else the next message would be lost to find it out.
test('a tap ends when its filter dies, though nothing comes', async () => {
	const gate = path.join(bus.dir, 'gate');

	execFileSync('mkfifo', [gate]);
	for (const args of ['', '-m']) {
		const pipeline = await start('/bin/sh', ['-c',
			`'${bin('tap')}' ${args} ${C} | { read x < '${gate}'; }`],
		{ cwd: bus.dir, env: bus.env });

		fs.writeFileSync(gate, 'die\n'); // tap was ready; now nobody reads it
		assert.deepEqual(await pipeline.ended(), { code: 0, signal: null });
	}
});

test('a megabyte in one line, and a hundred thousand lines', async () => {
	const tap = await bus.tap('-n', '1', C);
	const big = 'x'.repeat(1 << 20);

	assert.equal((await bus.send(line(big))).code, 0);
	await tap.got(1);
	assert.equal(tap.frames[0].body, JSON.stringify(big));
	const many = Array.from({ length: 100000 }, (_, i) => `${i}\n`).join('');
	const { code, err } = await bus.send(many, ['-c', '/demo/public/many']);

	assert.equal(code, 0, err);
});

test('without a store send gives up with 111', async () => {
	const alone = new Bus();
	const { code, err } = await alone.send(line(1), ['--timeout', '200ms']);

	assert.equal(code, 111);
	assert.match(err, /^timeout: /m);
});

// bin/send, one line answered, whose store hangs from then on.
async function sendToHung(args, first) {
	const own = new Bus();
	const hung = await own.start('store');
	const send = await own.start('send', ['-v', '--drain', '300ms', ...args],
		{ piped: true, ready: false });

	send.child.stdin.write(first);
	await once(send.child.stdout, 'data');
	hung.kill('SIGSTOP');
	return { send, hung };
}

test('what is unanswered when a drain ends has failed', async () => {
	for (const [n, code] of [[3, 4], [300, 99]]) {
		const { send, hung } = await sendToHung([], line('answered'));

		send.child.stdin.write(line(1).repeat(n) + 'x\n');
		await send.said(/bad_json: /m);
		send.kill();
		assert.deepEqual(await send.ended(), { code, signal: null });
		assert.match(send.out,
			new RegExp(`^drain: no time is left; unanswered: ${n}$`, 'm'));
		assert.equal(send.out.trim().split('\n').length, 2, send.out);
		await hung.stop('SIGKILL');
	}
});

test('so has what was read and found no room', async () => {
	const { send, hung } = await sendToHung(['-c', C], 'answered\n');
	const read = () => Number(fs.readFileSync(`/proc/${send.pid}/io`, 'utf8')
		.match(/^rchar: (\d+)/)[1]);
	const before = read(), most = 16384; // that wait for one store

	send.child.stdin.write(`\n${'77\n'.repeat(most + 2000)}`);
	await until(() => read() > before + 3 * (most + 1));
	send.kill();
	assert.deepEqual(await send.ended(), { code: 99, signal: null });
	assert.ok(Number(send.out.match(/unanswered: (\d+)$/m)[1]) > most);
	await hung.stop('SIGKILL');
});

test('settings that exclude each other end with 100', async () => {
	for (const args of [['-m', '-c', C], ['--text'], ['-c', 'nowhere'],
		['--bus', '-']])
		assert.equal((await bus.send('', args)).code, 100, args.join(' '));
	for (const args of [['-f', 'nothing'], ['not a channel'], ['--bus', '-']])
		assert.equal((await (await bus.start('tap', args,
			{ ready: false })).ended()).code, 100, args.join(' '));
});

test('the protocol is printed without any store', () => {
	const text = execFileSync(bin('tap'), ['--print-protocol'],
		{ encoding: 'utf8' });

	for (const name of ['hello', 'publish', 'published', 'deliver', 'watch'])
		assert.match(text, new RegExp(`^ *\\d+ ${name} `, 'm'));
});

test('tap goes on when the store comes back', async () => {
	const own = new Bus();
	const first = await own.start('store');
	const tap = await own.tap(C);

	assert.equal((await own.send(line('before'))).code, 0);
	await tap.got(1);
	await first.stop('SIGKILL');
	const second = await own.start('store');
	let n = 0;

	/* tap says its watch again when its link is up; until then it misses */
	while (tap.frames.length < 2)
		assert.equal((await own.send(line(`after ${n++}`))).code, 0);
	assert.deepEqual(await tap.stop(), { code: 0, signal: null });
	await second.stop();
});

test('a disk that is full ends tap, and not as if all were written', async () => {
	const shell = await start('/bin/sh', ['-c',
		`exec ${bin('tap')} '${C}' > /dev/full`], { env: bus.env });

	assert.equal((await bus.send(line('one'))).code, 0);
	assert.equal((await shell.ended()).code, 111);
	assert.match(shell.out, /^stdout: No space left on device$/m);
});

test('a reader that goes away ends tap', async () => {
	const shell = await start('/bin/sh', ['-c',
		`${bin('tap')} '${C}' | head -n 1`], { env: bus.env });

	assert.equal((await bus.send(line('one'))).code, 0);
	await shell.said(/"one/);
	while (shell.exit === null)
		await bus.send(line('more'));
	assert.equal(shell.exit.code, 0);
});
