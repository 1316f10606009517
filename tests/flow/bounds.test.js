// bounds.test.js - one stage is stopped while publishers go as fast as they
// are let: what waits for it is bounded, in all the others, by the windows
// they keep, and nothing hangs when it goes on.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { bin, start, until } from './lib/proc.js';
import { KEY, missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send', 'tap');
const CHANNEL = '/app/public/flood';
const HELD = 5000; // ms; a link is given up after three beats
const WARM = 30000; // messages

// What may wait, in MiB; the names are those of the sources.
const WINDOW = 4; // LINK_WINDOW
const OUTBOX = 4; // OUTBOX_BYTES
const OVERDRAFT = 16; // ROUTE_OVERDRAFT
const BACKLOG = 1; // of a client, POSTHORN_HUB_BACKLOG
const CACHE = 8; // POSTHORN_STORE_DATA_CACHE: rows read, and as many written
const SLACK = 16; // a turn's frames, pools, what malloc keeps

const BOUNDS = { // how much each may grow
	store: WINDOW + OVERDRAFT + 2 * CACHE + SLACK,
	ingress: 2 * OUTBOX + WINDOW + SLACK, // as text, and as frames
	hub: WINDOW + 3 * BACKLOG + SLACK,
	send: 2 * OUTBOX + WINDOW + SLACK,
	tap: WINDOW + SLACK,
};

// MiB of memory in use by a process.
const resident = (pid) => Number(fs.readFileSync(`/proc/${pid}/statm`, 'utf8')
	.split(' ')[1]) * 4096 / (1 << 20);

// Lines of 1 kB without an end, 64 at a time.
function* lines() {
	const line = `${JSON.stringify({ channel: CHANNEL,
		data: 'x'.repeat(900) })}\n`;

	for (;;)
		yield line.repeat(64);
}

function flood(into) {
	const source = Readable.from(lines(), { objectMode: false });

	into.on('error', () => source.destroy());
	into.on('close', () => source.destroy());
	source.on('error', () => {});
	source.pipe(into);
	return { end: () => {
		source.destroy();
		into.destroy();
	} };
}

function byHttp(sys) {
	const call = http.request(sys.url('/v1/publish'), { method: 'POST',
		auth: KEY, headers: { 'content-type': 'application/x-ndjson' } });

	call.on('response', (reply) => reply.on('error', () => {}).resume());
	return flood(call);
}

// All of them, and who publishes and listens: name -> process id.
async function cast(sys) {
	const where = { env: sys.env, cwd: sys.dir, ready: false };
	const send = await start(bin('send'), [], { ...where, piped: true });
	const tap = await start(bin('tap'), [CHANNEL],
		{ ...where, ready: true, piped: true });
	const curls = [];

	send.child.stdout.resume();
	tap.child.stdout.resume();
	for (let n = 0; n < 3; n++)
		curls.push(await start('curl', ['-sN', '-o', '/dev/null',
			sys.url(`/v1/sse?channel=${CHANNEL}`)], where));
	await until(async () => await sys.sum('_subscriptions') === 3,
		{ what: 'three listen' });
	const floods = [flood(send.child.stdin), byHttp(sys)];

	return { pids: { store: sys.pid('store.1'), hub: sys.pid('hub.1'),
		ingress: sys.pid('ingress.1'), send: send.pid, tap: tap.pid,
		client: curls[0].pid },
	end: async () => {
		floods.forEach((it) => it.end());
		for (const it of [...curls, tap, send])
			await it.stop('SIGKILL');
	} };
}

const routed = (sys) => sys.sum('_messages_routed_total');

// The most that each uses while one is stopped.
async function peaks(pids, who) {
	const most = {};
	const began = Date.now();

	process.kill(pids[who], 'SIGSTOP');
	await until(() => {
		for (const name of Object.keys(BOUNDS))
			most[name] = Math.max(most[name] ?? 0, resident(pids[name]));
		return Date.now() - began > HELD;
	}, { ms: 2 * HELD }).finally(() => process.kill(pids[who], 'SIGCONT'));
	return most;
}

async function tell(t, who) {
	// Who is flooded skips, rather than having to come back.
	const sys = await system({ formation: '', env: {
		POSTHORN_HUB_SLOW: 'skip', POSTHORN_HUB_BACKLOG: `${BACKLOG}m`,
		POSTHORN_STORE_HISTORY: '/**=100,5m,1m',
		POSTHORN_STORE_DATA_CACHE: `${CACHE}m` } });
	const { pids, end } = await cast(sys);

	await until(async () => await routed(sys) > WARM,
		{ ms: 30000, what: `${WARM} messages went by` });
	const before = Object.fromEntries(Object.keys(BOUNDS)
		.map((name) => [name, resident(pids[name])]));
	const most = await peaks(pids, who);
	const grown = Object.entries(most).map(([name, mib]) =>
		[name, Math.ceil(mib - before[name])]);

	t.diagnostic(grown.map(([name, mib]) => `${name} +${mib} MiB`).join(', '));
	for (const [name, mib] of grown)
		assert.ok(mib <= BOUNDS[name], `${name} grew by ${mib} MiB`);
	const had = await routed(sys);

	await until(async () => await routed(sys) > had + WARM,
		{ ms: 30000, what: 'it goes on' });
	await end();
	await sys.readyz();
	await sys.stop();
}

for (const who of ['hub', 'store', 'ingress', 'client', 'tap', 'send'])
	test(`nothing grows without bound while ${who} is stopped`, { skip },
		(t) => tell(t, who));
