// up.test.js - bin/up with real children: what dies comes back, what must
// stop stops, and nothing is left behind.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { bin, freePort, runs, start, tmpdir, until } from './lib/proc.js';

const READY = 'echo >&$READY_FD';
const STAY = 'exec tail -f /dev/null';

// bin/up in a folder with this Procfile (name -> command); `dir` is told.
async function up(commands, { args = [], env = {}, ready = false, files = {} } = {}) {
	const dir = tmpdir();

	fs.writeFileSync(path.join(dir, 'Procfile'), Object.entries(commands)
		.map(([name, command]) => `${name}: ${command}\n`).join(''));
	for (const [name, text] of Object.entries(files))
		fs.writeFileSync(path.join(dir, name), text);
	const proc = await start(bin('up'), args, { cwd: dir, env, ready });

	proc.dir = dir;
	proc.read = (name) => {
		try {
			return fs.readFileSync(path.join(dir, name), 'utf8');
		} catch {
			return '';
		}
	};
	return proc;
}

const count = (text, pattern) => [...text.matchAll(pattern)].length;

test('names, numbers and merges what it runs', async () => {
	const it = await up({
		hub: `echo I am $PS; echo err $PS >&2; ${READY}; ${STAY}`,
		store: `printf 'no newline of %s' $PS; ${READY}; ${STAY}`,
	}, { args: ['-c', 'hub=2'], ready: true });

	await it.said(/^hub\.1 {3}\| I am hub\.1$/m);
	await it.said(/^hub\.1 {3}\| err hub\.1$/m);
	await it.said(/^hub\.2 {3}\| I am hub\.2$/m);
	await it.said(/^up {6}\| all ready$/m);
	assert.doesNotMatch(it.out, /no newline/);
	assert.doesNotMatch(it.out, /\x1b/);
	assert.deepEqual(await it.stop(), { code: 0, signal: null });
	assert.match(it.out, /^store\.1 \| no newline of store\.1$/m);
});

test('colours the names on a terminal', async () => {
	const dir = tmpdir();

	fs.writeFileSync(path.join(dir, 'Procfile'), 'a: exit 100\n');
	const it = await start('script',
		['-qec', bin('up'), '/dev/null'], { cwd: dir, ready: false });

	await it.ended();
	assert.match(it.out, /\x1b\[1;31mnothing is left to run\x1b\[0m/);
});

test('lists what would run', () => {
	const dir = tmpdir();

	fs.writeFileSync(path.join(dir, 'Procfile'),
		'store: bin/store\ningress: bin/ingress -v\n');
	fs.writeFileSync(path.join(dir, '.env'),
		'POSTHORN_LISTEN="4000 [::1]:8443+tls"\nPOSTHORN_FORMATION=all=2\n');
	const list = (args, env = {}) => execFileSync(bin('up'), args,
		{ cwd: dir, env, encoding: 'utf8' });

	assert.equal(list(['--list']), 'store.1: bin/store\nstore.2: bin/store\n' +
		'ingress.1: bin/ingress -v\ningress.2: bin/ingress -v\n' +
		'listen: 4000\nlisten: [::1]:8443+tls\n');
	assert.equal(list(['--list', '-c', 'all=0,store=1']), 'store.1: bin/store\n');
	assert.equal(list(['-n'], { POSTHORN_FORMATION: 'store=0',
		POSTHORN_LISTEN: '' }), 'ingress.1: bin/ingress -v\n');
});

test('starts again what dies, ever more patiently', async () => {
	const it = await up({ a: 'echo x >> starts; kill -9 $$', b: 'exit 3' });

	for (const wait of [100, 200, 400, 800]) {
		await it.said(new RegExp(`^up +\\| a\\.1 was killed by signal 9 ` +
			`\\(Killed\\), again in ${wait} ms$`, 'm'));
		await it.said(new RegExp(
			`^up +\\| b\\.1 ended with 3, again in ${wait} ms$`, 'm'));
	}
	assert.ok(count(it.read('starts'), /x/g) >= 4);
	assert.equal((await it.stop()).code, 0);
});

test('one that cannot be found is tried again', async () => {
	const it = await up({ a: './later' });

	await it.said(/^a\.1 \| cannot \.\/later: No such file/m);
	fs.writeFileSync(path.join(it.dir, 'later'),
		`#!/bin/sh\necho here; ${READY}; ${STAY}\n`, { mode: 0o755 });
	await it.said(/^a\.1 \| here$/m);
	await it.said(/all ready/);
});

test('100 is not started again until SIGHUP, and the others stay', async () => {
	const it = await up({
		bad: `echo x >> starts; [ "$MODE" = good ] || exit 100; ${READY}; ${STAY}`,
		good: `trap 'echo reloaded' HUP; echo pid $$; ${READY}; while :; do read x < fifo; done`,
	}, { files: { '.env': 'MODE=bad\n' } });

	execFileSync('mkfifo', [path.join(it.dir, 'fifo')]);
	await it.said(/bad\.1 ended with 100: its settings are wrong/);
	const [, pid] = await it.said(/good\.1 +\| pid (\d+)/);

	fs.writeFileSync(path.join(it.dir, '.env'), 'MODE="good\n');
	it.kill('SIGHUP');
	await it.said(/\.env:1: the quote is not closed.*stay as they were/);
	await until(() => count(it.out, /bad\.1 ended with 100/g) === 2);
	fs.writeFileSync(path.join(it.dir, '.env'), 'MODE=good\n');
	it.kill('SIGHUP');
	await it.said(/all ready/);
	assert.equal(count(it.read('starts'), /x/g), 3);
	assert.ok(runs(pid));
	assert.equal((await it.stop()).code, 0);
});

test('--exit-on-fatal stops all, and so does having nothing to run', async () => {
	const it = await up({ good: STAY, bad: 'exit 100' },
		{ args: ['--exit-on-fatal'] });

	assert.equal((await it.ended()).code, 100);
	const none = await up({ bad: 'exit 100' });

	assert.equal((await none.ended()).code, 100);
	assert.match(none.out, /nothing is left to run/);
});

test('is ready when all are, and again after a death', async () => {
	const it = await up({
		a: `${READY}; ${STAY}`,
		b: `echo pid $$; mkfifo gate 2> /dev/null; read x < gate; ${READY}; ${STAY}`,
	});
	const gate = path.join(it.dir, 'gate');

	await until(() => fs.existsSync(gate), { what: 'b waits' });
	const [, pid] = await it.said(/b\.1 \| pid (\d+)/);

	assert.ok(!it.ready());
	assert.doesNotMatch(it.out, /all ready/);
	await fs.promises.writeFile(gate, 'go\n');
	await until(it.ready, { what: 'up tells that it is ready' });
	await it.said(/all ready/);
	process.kill(Number(pid), 'SIGKILL');
	await it.said(/b\.1 was killed/);
	await fs.promises.writeFile(gate, 'go\n');
	await until(() => count(it.out, /all ready/g) === 2);
});

test('stops the last line first, and the next when it is gone', async () => {
	// Each takes its time to end: until its own file is there.
	const slow = (name) => `trap 'echo ${name} asked >> log; read x < ${name}; ` +
		`echo ${name} gone >> log; exit 0' TERM; mkfifo ${name}; ${READY}; ` +
		'while :; do read x < idle; done';
	const it = await up({ a: `mkfifo idle; ${slow('a')}`, b: slow('b'),
		c: `trap 'echo c gone >> log; exit 0' TERM; ${READY}; ` +
			'while :; do read x < idle; done' }, { ready: true });

	it.kill('SIGTERM');
	await until(() => it.read('log') === 'c gone\nb asked\n',
		{ what: 'c is gone before b is asked' });
	await fs.promises.writeFile(path.join(it.dir, 'b'), 'x\n');
	await until(() => it.read('log').endsWith('b gone\na asked\n'),
		{ what: 'a is asked when b is gone' });
	await fs.promises.writeFile(path.join(it.dir, 'a'), 'x\n');
	assert.equal((await it.ended()).code, 0);
});

const DEAF = `trap '' TERM; echo pid $$; ${READY}; ` +
	'while :; do tail -f /dev/null; done';

test('kills what does not end within the grace', async () => {
	const it = await up({ deaf: DEAF }, { args: ['-g', '1'], ready: true });
	const [, pid] = await it.said(/pid (\d+)/);
	const began = Date.now();

	it.kill('SIGTERM');
	await it.said(/stopping/);
	assert.deepEqual(await it.ended(), { code: 0, signal: null });
	assert.ok(Date.now() - began > 900, 'it had its time');
	assert.match(it.out, /deaf\.1 did not end in time: killed/);
	assert.ok(!runs(pid));
});

for (const second of ['SIGINT', 'SIGTERM'])
	test(`a second signal kills at once: ${second}`, async () => {
		const it = await up({ deaf: DEAF },
			{ args: ['-g', '600'], ready: true });

		it.kill(second === 'SIGINT' ? 'SIGTERM' : second);
		await it.said(/stopping/);
		it.kill(second);
		assert.deepEqual(await it.ended(), { code: 0, signal: null });
	});

test('what a shell started dies with the shell', async () => {
	const it = await up({
		a: 'tail -f /dev/null & echo kid $! of $$; wait',
	});
	const [, kid, shell] = await it.said(/kid (\d+) of (\d+)/);

	assert.ok(runs(kid));
	process.kill(Number(shell), 'SIGKILL');
	await until(() => !runs(kid), { what: 'the child of the shell is gone' });
});

test('kill -9 of up takes its children down', async () => {
	const it = await up({
		a: `trap '' TERM HUP; echo pid $$; ${READY}; read x < idle`,
		b: 'tail -f /dev/null',
		c: `echo pid $$; mkfifo idle; ${READY}; read x < idle`,
	});

	await until(() => count(it.out, /pid \d+/g) >= 2);
	const pids = fs.readFileSync(`/proc/${it.pid}/task/${it.pid}/children`,
		'utf8').trim().split(' ');

	assert.ok(pids.length >= 2);
	it.kill('SIGKILL');
	for (const pid of pids)
		await until(() => !runs(pid), { what: `${pid} is gone` });
});

test('a reader that stalls does not keep it from working', async () => {
	const it = await up({ loud: 'yes', quiet: `echo x >> starts; exit 1` });

	it.child.stdout.pause();
	await until(() => count(it.read('starts'), /x/g) >= 3);
	it.kill('SIGTERM');
	await once(it.child, 'exit');
	it.child.stdout.resume();
	assert.deepEqual(await it.ended(), { code: 0, signal: null });
});

test('a reader that leaves ends it', async () => {
	const it = await up({ loud: `echo pid $$; exec yes` });
	const [, pid] = await it.said(/pid (\d+)/);

	it.child.stdout.destroy();
	assert.equal((await it.ended()).code, 111);
	assert.ok(!runs(pid));
});

// A file that may have 512 bytes, which is as good as a disk.
test('a full disk below its output does not end it', async () => {
	const dir = tmpdir(), log = path.join(dir, 'log');
	const starts = path.join(dir, 'starts');
	const full = () => fs.statSync(log).size === 512;

	// Much twice, then only what up says of it.
	fs.writeFileSync(starts, '');
	fs.writeFileSync(path.join(dir, 'Procfile'), `loud: echo x >> starts; ${
		READY}; [ $(wc -l < starts) -gt 2 ] || seq 1000; exit 1\n`);
	const it = await start('/bin/sh', ['-c', `ulimit -f 1;
		exec ${bin('up')} >> ${log}`], { cwd: dir });

	await until(() => full() && fs.statSync(starts).size >= 8);
	// What it had in hand may fill it again.
	await until(() => {
		if (full())
			fs.truncateSync(log);
		return /^up {5}\| \d+ bytes of output found no room$/m
			.test(fs.readFileSync(log, 'utf8'));
	});
	assert.deepEqual(await it.stop(), { code: 0, signal: null });
});

test('settings come from .env, but the environment wins', async () => {
	const it = await up({ a: 'echo $ONE-$TWO-$LISTEN_FDS-$NOTIFY_SOCKET.' }, {
		files: { '.env': 'ONE=file\nTWO="a  b"\n' },
		env: { ONE: 'mine', LISTEN_FDS: '7', NOTIFY_SOCKET: '/x' },
	});

	await it.said(/^a\.1 \| mine-a b--\.$/m);
});

test('wrong settings end it with 100 and one line', async () => {
	const rows = [
		[{ 'a b': 'x' }, [], {}, /^up: Procfile:1: /],
		[{ a: 'x' }, ['-f', 'nothing'], {}, /^up: nothing: No such file/],
		[{ a: 'x' }, [], { '.env': 'A=1\nB\n' }, /^up: \.env:2: /],
		[{ a: 'x' }, ['-c', 'b=1'], {}, /^up: formation: b=1: no such name/],
		[{ a: 'x' }, ['-l', '70000'], {}, /^up: -l: 70000: no such address or port/],
		[{ a: 'x' }, [], { '.env': 'POSTHORN_LISTEN="4000 4000"\n' },
			/^up: POSTHORN_LISTEN: 4000: an earlier listener has this port/],
		[{ a: 'x' }, ['-g', 'soon'], {}, /^up: -g: soon: 0 to 3600/],
		[{ a: 'x' }, ['more'], {}, /^up: arguments: more: not known/],
	];

	for (const [commands, args, files, says] of rows) {
		const it = await up(commands, { args, files });

		assert.equal((await it.ended()).code, 100, String(says));
		assert.match(it.out, says);
		assert.equal(it.out.trim().split('\n').length, 1);
	}
});

// An ingress that answers each connection with what it was given, and waits
// at the gate before it accepts.
const INGRESS = `
const fs = require('fs'), net = require('net');
fs.readFileSync('gate');
const names = process.env.LISTEN_FDNAMES.split(':');
if (Number(process.env.LISTEN_PID) !== process.pid) process.exit(100);
if (Number(process.env.LISTEN_FDS) !== names.length) process.exit(100);
names.forEach((name, i) => net.createServer((socket) =>
	socket.end(name + ' by ' + process.env.PS + ' ' + process.pid + '\\n'))
	.listen({ fd: 3 + i }, () => {
		if (i === names.length - 1)
			fs.writeSync(Number(process.env.READY_FD), '\\n');
	}));
`;

async function ask(socket) {
	let text = '';

	socket.setEncoding('utf8').on('data', (s) => (text += s));
	await once(socket, 'end');
	return text;
}

async function dial(port, host = '127.0.0.1') {
	const socket = net.connect(port, host);

	await once(socket, 'connect');
	return socket;
}

test('holds the listeners, so that nobody is refused meanwhile', async () => {
	const ports = [await freePort(), await freePort()];
	const it = await up({
		other: 'echo other has $LISTEN_FDS.; ' + STAY,
		ingress: `${process.execPath} ingress.cjs`,
	}, {
		args: ['-l', `${ports[0]} 127.0.0.1:${ports[1]}=tyron`],
		files: { 'ingress.cjs': INGRESS },
	});
	const gate = path.join(it.dir, 'gate');

	await it.said(/other has \./);
	execFileSync('mkfifo', [gate]);
	// It may have died for want of a gate; it is back soon.
	const early = await dial(ports[0]);
	const answer = ask(early);

	await fs.promises.writeFile(gate, '');
	const [, pid] = (await answer).match(/^\d+ by ingress\.1 (\d+)\n$/);

	assert.match(await ask(await dial(ports[1])),
		new RegExp(`^${ports[1]}=tyron by ingress\\.1 ${pid}\n$`));
	process.kill(Number(pid), 'SIGKILL');
	await it.said(/ingress\.1 was killed by signal 9/);
	const late = ask(await dial(ports[0]));

	await fs.promises.writeFile(gate, '');
	assert.match(await late, /^\d+ by ingress\.1 \d+\n$/);

	const twin = await up({ ingress: 'true' }, { args: ['-l', `${ports[0]}`] });

	assert.equal((await twin.ended()).code, 111);
	assert.match(twin.out, /cannot listen on: \d+: Address already in use/);
	assert.equal((await it.stop()).code, 0);
});

test('each ingress has the same listeners, on IPv6 too', async () => {
	const port = await freePort();
	const it = await up({ ingress: `${process.execPath} ingress.cjs` }, {
		args: ['-c', 'ingress=2', '-l', String(port)],
		files: { 'ingress.cjs': INGRESS, gate: '' },
		ready: true,
	});

	for (const host of ['127.0.0.1', '::1'])
		assert.match(await ask(await dial(port, host)), /by ingress\.[12] /);
	assert.equal((await it.stop()).code, 0);
});
