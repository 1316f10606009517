// restart.test.js - each stage is killed, and stopped for 5 s, while 1,000
// messages a second are published: clients that resume end with every
// accepted message exactly once and in order, and all is back within 2 s, but
// for the time that others had the processors.
// On one of each, and on several.  A store that kept nothing on disk begins
// anew when it is killed, and every client is told so, once.
import { saying } from './lib/proc.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, sse, ws } from './lib/clients.js';
import { stolen } from './lib/processor.js';
import { redis } from './lib/redis.js';
import * as story from './lib/story.js';
import { STAGES, WIDE, missing, system } from './lib/system.js';

const skip = missing(...STAGES, 'send');
const RATE = 1000; // a second
const WITHIN = 2000; // ms until all are served again
const NAMES = Object.keys(story.PUBLISHERS);
const BASE = '/app/public/restart';

// One of each: two clients of each kind on the channel of each publisher.
const narrow = {
	formation: '',
	strikes: STAGES.map((name) => `${name}.1`),
	lost: () => true,
	rows: (sys, store) => NAMES.map((name) => story.row(sys, { name, store,
		rate: Math.round(RATE / NAMES.length), channels: [`${BASE}/${name}`],
		wanted: [...story.kinds, ...story.kinds].map((listen) =>
			[listen, `${BASE}/${name}`]) })),
};

// Several: six channels of each publisher, and clients on one of them, on all
// by name, and on all by a pattern.
const wide = {
	formation: WIDE.formation,
	strikes: ['store.2', 'hub.2', 'ingress.1', 'bridge.1'],
	lost: (shard) => shard >= 32,
	rows: (sys, store) => NAMES.map((name) => {
		const base = `${BASE}/${name}`;
		const channels = [1, 2, 3, 4, 5, 6].map((n) => `${base}/${n}`);

		return story.row(sys, { name, store, channels,
			rate: Math.round(RATE / NAMES.length),
			wanted: story.kinds.flatMap((listen) => [[listen, channels[0]],
				[listen, channels], [listen, `${base}/*`]]) });
	}),
};

// Who is not concerned is served all the while: a client of another hub, and
// a publisher to another store.
async function spared(sys) {
	const all = Array.from({ length: 20 }, (_, n) => `${BASE}/spared/${n}`);
	const replies = await sys.publish(all.map((channel) =>
		({ channel, data: 'where is it?' })));
	const channels = all.filter((_, n) =>
		!wide.lost([...parse(replies[n].cursor).keys()][0]));

	assert.ok(channels.length >= 4, `${channels.length} of the first store`);
	return story.row(sys, { name: 'pipeLines', channels, rate: 100,
		wanted: [ws, ws, ws, sse, sse, sse].map((listen) =>
			[listen, channels]) });
}

function holders(sys, clients) {
	const names = sys.holders(clients.map(({ port }) => port));

	return new Map(clients.map((client, n) => [client, names[n]]));
}

// The process ids of all but one.
function others(sys, ps) {
	const pids = sys.pids();

	pids.delete(ps);
	return pids;
}

// But for those whose hub is stopped.
function undisturbed({ clients }, hubs, { ps, from, to, held, waited }) {
	for (const client of clients) {
		const ms = story.silence(client, from, to);

		if (!held || hubs.get(client) !== ps)
			assert.ok(ms - waited <= WITHIN, `${client.kind} of ` +
				`${hubs.get(client)} heard nothing for ${ms} ms, ` +
				`of which ${waited} waiting`);
	}
}

// Every hub holds a share of the clients; of which kind is up to chance.
function spread(hubs) {
	for (const n of [1, 2, 3]) {
		const held = [...hubs].filter(([, hub]) => hub === `hub.${n}`);

		assert.ok(held.length >= 4, `hub.${n} holds ${held.length}`);
	}
}

// What happens to a stage, and what is true afterwards.
async function tell(t, ps, { sys, store, form, strike, check }) {
	const rows = await Promise.all(form.rows(sys, store));

	let hubs;

	if (form === wide)
		rows.push(await spared(sys));
	try {
		await story.flowing(rows, 100);
		if (form === wide)
			spread(hubs = holders(sys, rows.flatMap((row) => row.clients)));
		const pids = others(sys, ps);
		const all = () => [...sys.pids().values(), store.proc.pid,
			...rows.map(({ publisher }) => publisher.child?.pid ?? 0)];
		const meanwhile = stolen(all), from = Date.now();
		const since = await strike(sys, ps);
		const to = Date.now(), waited = meanwhile(), later = stolen(all);
		const [ms, who] = await story.backAfter(rows, since);
		const late = ms - later();

		await story.goesOn(rows);
		if (form === wide)
			undisturbed(rows.at(-1), hubs,
				{ ps, from, to, waited, held: strike === story.hold });
		await story.finish(rows);
		t.diagnostic(`back after ${ms} ms (${who}), ${ms - late} of them ` +
			`waiting, ${rows.map(({ count }) => count)} messages`);
		for (const row of rows)
			check(row);
		assert.ok(late <= WITHIN, `${who} was back after ${ms} ms, ` +
			`${ms - late} of them waiting`);
		assert.deepEqual(others(sys, ps), pids, 'the others kept running');
		await sys.readyz();
	} finally {
		story.abandon(rows);
	}
}

async function tried(t, ps, how) {
	const store = await redis();
	const sys = await system({ stages: STAGES, formation: how.form.formation,
		env: { POSTHORN_BRIDGE_REDIS: `127.0.0.1:${store.port}`,
			...story.QUICK, ...how.env } });

	try {
		await tell(t, ps, { sys, store, ...how });
	} catch (e) {
		throw saying(e, `${sys.out.split('\n').slice(-60).join('\n')}`);
	} finally {
		await sys.stop();
		await store.stop();
	}
}

for (const form of [narrow, wide]) {
	const of = form.formation && `, of ${form.formation}`;
	const store = form.strikes.find((ps) => ps.startsWith('store'));

	for (const ps of form.strikes) {
		test(`${ps} is killed${of}`, { skip }, (t) => tried(t, ps,
			{ form, strike: story.kill, check: story.whole }));
		test(`${ps} is stopped for 5 s${of}`, { skip }, (t) => tried(t, ps,
			{ form, strike: story.hold, check: story.whole }));
	}
	test(`${store} is killed, that keeps all in memory${of}`, { skip }, (t) =>
		tried(t, store, { form, env: { POSTHORN_STORE_ENGINE: 'memory' },
			strike: story.kill, check: story.told(form.lost) }));
}
