// restart.test.js - each stage is killed, and stopped for 5 s, while 1,000
// messages a second are published: clients that resume end with every
// accepted message exactly once and in order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poll, sse, ws } from './lib/clients.js';
import { until } from './lib/proc.js';
import { httpLines, pipeLines, redisList } from './lib/publishers.js';
import { redis } from './lib/redis.js';
import { STAGES, missing, system } from './lib/system.js';

const skip = missing(...STAGES, 'send');
const RATE = 1000; // a second
const WITHIN = 2000; // ms until all are served again
const PUBLISHERS = { httpLines, pipeLines, redisList };

const start = (store) => system({ stages: STAGES, env: {
	POSTHORN_BRIDGE_REDIS: `127.0.0.1:${store.port}`,
	POSTHORN_STORE_HISTORY: '/**=100000,10m,256m',
	POSTHORN_HUB_RETRY: '20ms', POSTHORN_HUB_SPREAD: '100ms' } });

// Two clients of each kind for each publisher, which all run at RATE / 3.
async function stage(sys, store, names) {
	const rows = [];

	for (const name of names) {
		const channel = `/app/public/restart/${name}`;
		const cursor = await sys.mark(channel);
		const clients = [ws, ws, sse, sse, poll, poll].map((listen) =>
			listen(sys, { channels: channel, cursor, resume: true }));

		for (const client of clients)
			await client.ready();
		rows.push({ name, channel, clients,
			publisher: PUBLISHERS[name](sys, { channel, store,
				rate: Math.round(RATE / names.length) }) });
	}
	return rows;
}

const flowing = (rows, count) => Promise.all(rows.flatMap(({ clients }) =>
	clients.map((client) => client.got(client.messages.length + count,
		{ ms: 30000 }))));

// ms from `since` until every client has something published after that.
async function backAfter(rows, since) {
	const delays = [];

	for (const { name, clients, publisher } of rows)
		for (const client of clients) {
			const who = `${client.kind} of ${name}`;
			const later = ({ data }) => data.at > since;

			await until(() => client.messages.some(later), { ms: 30000,
				what: `${who} is back; it ${JSON.stringify(client)}, ` +
				`${publisher.done} of ${publisher.next} accepted ` +
				`${publisher.note ?? ''}` });
			delays.push([client.times[client.messages.findIndex(later)] -
				since, who]);
		}

	return delays.sort(([a], [b]) => b - a)[0];
}

// Stop publishing, and let everything arrive.
async function finish(rows) {
	for (const row of rows)
		row.count = await row.publisher.finish();
	for (const { clients, count } of rows)
		for (const client of clients)
			await until(() => client.data.at(-1)?.n === count - 1, {
				ms: 30000, what: `${client.kind} has message ${count - 1}, ` +
				`not ${client.data.at(-1)?.n}` });
}

// Every one, once, in order.
function whole({ name, clients, count }) {
	for (const client of clients) {
		const got = client.data.map(({ n }) => n);
		const wrong = got.findIndex((n, at) => n !== at);

		assert.equal(wrong, -1, `${client.kind} of ${name}: after ` +
			`${got.slice(Math.max(0, wrong - 3), wrong)} came ` +
			`${got.slice(wrong, wrong + 3)}`);
		assert.equal(got.length, count, `${client.kind} of ${name}`);
		assert.deepEqual(client.gaps, [], `${client.kind} of ${name}`);
	}
}

// After the numbering was lost: a hole is told, and but for those that were
// unanswered when the store died (see CAVEATS of store) none comes twice.
function told({ name, clients }) {
	for (const client of clients) {
		const epochs = [];
		const seen = new Map();

		for (const { cursor, data: { n } } of client.messages) {
			const epoch = cursor.split('.')[0];

			if (!epochs.includes(epoch))
				epochs.push(epoch);
			assert.notEqual(seen.get(n), epoch,
				`${client.kind} of ${name}: ${n} twice`);
			seen.set(n, epoch);
		}
		assert.equal(epochs.length, 2, `${client.kind} of ${name}: epochs`);
		assert.equal(client.gaps.length, 1, `${client.kind} of ${name}: gaps`);
		assert.ok(client.gaps[0].from.startsWith(epochs[0]));
		assert.ok(client.gaps[0].to.startsWith(epochs[1]));
		for (const epoch of epochs) {
			const of = client.messages.filter(({ cursor }) =>
				cursor.startsWith(`${epoch}.`)).map(({ data }) => data.n);

			assert.deepEqual(of, [...of].sort((a, b) => a - b),
				`${client.kind} of ${name}: order`);
		}
	}
}

// What happens to a stage, and what is true afterwards.
async function tell(t, ps, { sys, store, strike, check }) {
	const rows = await stage(sys, store, Object.keys(PUBLISHERS));

	try {
		const others = STAGES.map((name) => `${name}.1`)
			.filter((name) => name !== ps);
		const pids = others.map((name) => sys.pid(name));

		await flowing(rows, 200);
		const since = await strike(sys, ps);
		const [ms, who] = await backAfter(rows, since);

		await finish(rows);
		t.diagnostic(`back after ${ms} ms (${who}), ` +
			`${rows.map(({ count }) => count)} messages`);
		for (const row of rows)
			check(row);
		assert.ok(ms <= WITHIN, `${who} was back after ${ms} ms`);
		assert.deepEqual(others.map((name) => sys.pid(name)), pids,
			'the others kept running');
		await sys.readyz();
	} finally {
		for (const { publisher, clients } of rows) {
			publisher.abandon();
			clients.forEach((client) => client.close());
		}
	}
}

async function story(t, ps, how) {
	const store = await redis();
	const sys = await start(store);

	try {
		await tell(t, ps, { sys, store, ...how });
	} catch (e) {
		e.message += `\n${sys.out.split('\n').slice(-60).join('\n')}`;
		throw e;
	} finally {
		await sys.stop();
		store.close();
		await store.proc.stop();
	}
}

const LONG = 5000; // ms; longer than the three beats of a link

// Both resolve with the time since when it may be expected back.
async function kill(sys, ps) {
	const since = Date.now();

	await sys.kill(ps);
	return since;
}

async function hold(sys, ps) {
	const pid = sys.signal(ps, 'SIGSTOP');
	const began = Date.now();

	await until(() => Date.now() - began >= LONG, { ms: 2 * LONG });
	process.kill(pid, 'SIGCONT');
	return Date.now();
}

for (const name of STAGES) {
	const ps = `${name}.1`;

	test(`${name} is killed`, { skip }, (t) => story(t, ps,
		{ strike: kill, check: name === 'store' ? told : whole }));
	test(`${name} is stopped for 5 s`, { skip }, (t) => story(t, ps,
		{ strike: hold, check: whole }));
}
