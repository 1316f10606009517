// leave.test.js - stages that are told to leave while 1,000 messages a second
// are published: their clients go on elsewhere and miss nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort, runs, saying, until } from './lib/proc.js';
import * as story from './lib/story.js';
import { WIDE, missing, system } from './lib/system.js';
import { certificate } from './lib/tls.js';

const skip = missing('store', 'hub', 'ingress', 'send');
const BASE = '/app/public/leave';

// Three clients of each kind, on one channel, on four, and on a pattern.
function row(sys, name) {
	const base = `${BASE}/${name}`;
	const channels = [1, 2, 3, 4].map((n) => `${base}/${n}`);

	return story.row(sys, { name, channels, rate: 500,
		wanted: [channels[0], channels, `${base}/**`].flatMap((hears) =>
			story.kinds.map((listen) => [listen, hears])) });
}

// The clients whose connection a stage holds.
function heldBy(sys, rows, ps) {
	const clients = rows.flatMap((row) => row.clients);
	const names = sys.holders(clients.map(({ port }) => port));

	return clients.filter((_, n) => names[n] === ps);
}

async function whole(t, sys, rows) {
	const [ms, who] = await story.backAfter(rows, Date.now());

	await story.finish(rows);
	rows.forEach(story.whole);
	t.diagnostic(`back after ${ms} ms (${who}), ` +
		`${rows.map(({ count }) => count)} messages`);
	await sys.readyz();
}

// With all there is to know where it fails.
async function played(sys, rows, play) {
	try {
		await story.flowing(rows, 100);
		await play();
	} catch (e) {
		throw saying(e, `${sys.out.split('\n').slice(-60).join('\n')}`);
	} finally {
		story.abandon(rows);
		await sys.stop();
	}
}

test('a hub is killed while it drains', { skip }, async (t) => {
	const sys = await system({ ...WIDE, env: { ...story.QUICK,
		POSTHORN_HUB_SPREAD: '10s' } });
	const rows = [await row(sys, 'httpLines'), await row(sys, 'pipeLines')];

	await played(sys, rows, async () => {
		const held = heldBy(sys, rows, 'hub.2');
		const gone = () => held.filter(({ ended }) => ended !== 0).length;

		assert.ok(held.length >= 4, `${held.length} clients`);
		const pid = sys.signal('hub.2', 'SIGTERM');

		await until(() => gone() !== 0, { what: 'the first is sent away' });
		assert.ok(runs(pid), 'it drains still');
		assert.ok(gone() < held.length, 'not all were sent away');
		process.kill(pid, 'SIGKILL');
		await until(() => held.every(({ kind, ended }) =>
			kind === 'poll' || ended !== 0), { what: 'all have noticed' });
		await whole(t, sys, rows);
	});
});

test('an ingress leaves that holds https listeners', { skip }, async (t) => {
	const plain = await freePort();
	const sys = await system({ ...WIDE, secure: true,
		listen: `127.0.0.1:PORT+tls 127.0.0.1:${plain}`,
		env: { ...story.QUICK, ...certificate() } });

	await sys.readyz();
	// The publisher speaks plain HTTP, to either of them.
	const open = Object.create(sys, { url: { value: (where) =>
		`http://127.0.0.1:${plain}${where}` } });
	const rows = [await row(sys, 'pipeLines')];
	const feed = story.PUBLISHERS.httpLines(open,
		{ channel: `${BASE}/feed`, rate: 500 });

	await played(sys, rows, async () => {
		// Who accepts how many is up to the kernel.
		const [[ps, held], [, others]] = ['ingress.1', 'ingress.2']
			.map((name) => [name, heldBy(sys, rows, name)])
			.sort(([, a], [, b]) => b.length - a.length);

		assert.ok(held.length >= 4, `${ps} holds ${held.length}`);
		const pid = sys.signal(ps, 'SIGTERM');

		await until(() => !runs(pid), { ms: 20000, what: 'it has left' });
		await whole(t, sys, rows);
		for (const client of held)
			assert.ok(client.kind === 'poll' || client.ended === 1,
				`${client.kind} came back ${client.ended} times`);
		for (const client of others)
			assert.equal(client.ended, 0, `${client.kind} was disturbed`);
		await feed.finish();
	});
});
