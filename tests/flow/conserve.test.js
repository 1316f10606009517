// conserve.test.js - a storm: publishers of all sorts, clients that do not
// read, hubs that are killed and stopped, a store that is stopped while
// outboxes fill.  All the while, and in the end, every message is accounted
// for in /metrics: accepted, refused or given up by its publisher; delivered,
// dropped for a reason, or pending.
import assert from 'node:assert/strict';
import http from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ws } from './lib/clients.js';
import { until } from './lib/proc.js';
import { raw } from './lib/raw.js';
import * as story from './lib/story.js';
import { KEY, WIDE, missing, system } from './lib/system.js';
import { eachAddsUp, explain, sent, stagesAddUp, tally, total }
	from './lib/tally.js';

const skip = missing('store', 'hub', 'ingress');
const BASE = '/app/public/storm';
const FLOOD = `${BASE}/flood`;

// Now, of every process: and it adds up in each.
async function look(sys) {
	const all = await tally(sys);

	eachAddsUp(all);
	return all;
}

const seen = (sys, stage, ...names) => until(async () =>
	total(await look(sys), stage, ...names) > 0,
{ ms: 30000, what: `${stage} counts ${names}` });

// Lines of 1 kB as fast as they are taken, until it is broken off.
function flood(sys) {
	const text = `${JSON.stringify({ channel: FLOOD,
		data: 'x'.repeat(1000) })}\n`.repeat(64);
	const call = http.request(sys.url('/v1/publish'), { method: 'POST',
		auth: KEY, headers: { 'content-type': 'application/x-ndjson' } });
	const source = Readable.from((function* () {
		for (;;)
			yield text;
	})(), { objectMode: false });

	call.on('response', (reply) => reply.on('error', () => {}).resume());
	call.on('error', () => source.destroy());
	source.on('error', () => {});
	source.pipe(call);
	return { end: () => {
		source.destroy();
		call.destroy();
	} };
}

function post(sys) {
	const call = http.request(sys.url('/v1/publish'), { method: 'POST',
		auth: KEY, agent: false });

	call.on('error', () => {});
	call.end(JSON.stringify({ channel: FLOOD, data: 'in vain' }));
	return call;
}

// Somebody who asks and never reads.
async function deaf(sys, channel) {
	const it = await raw(sys.port);

	it.socket.pause();
	it.write(`GET /v1/sse?channel=${channel} HTTP/1.1\r\nHost: x\r\n\r\n`);
	return it;
}

async function refusals(sys) {
	const post = (what) => sys.post(JSON.stringify(what));
	const once = { channel: `${BASE}/once`, id: 'once', data: 1 };

	for (const [what, code] of [
		[{ channel: BASE, data: 1, ttl: 0 }, 'bad_field'],
		[{ channel: 'nowhere', data: 1 }, 'bad_channel'],
		[{ channel: '/other/public/a', data: 1 }, 'forbidden'],
		[{ channel: '/app/private/a', data: 1, receipt: 'stored' },
			'not_kept'],
	]) {
		const { json } = await post(what);

		assert.equal(json.error?.code, code, JSON.stringify(json));
	}
	assert.equal((await post(once)).json.cursor,
		(await post(once)).json.cursor);
}

// One stage stands still until what waits for it shows.
async function still(sys, ps, cond) {
	const pid = sys.signal(ps, 'SIGSTOP');

	await cond().finally(() => process.kill(pid, 'SIGCONT'));
}

// What befalls the hubs, while as much is published as is taken.
async function strike(sys, several) {
	const storm = flood(sys);

	await seen(sys, 'hub', 'messages_delivered');
	// A window is full: answers are withheld, then the channel lags.
	await still(sys, 'hub.1', () => seen(sys, 'store', 'copies_lagging'));
	await sys.kill('hub.2');
	await seen(sys, 'store', 'copies_gone');
	// The outbox fills.  Of one ingress the counters can be had without the
	// store.
	if (!several)
		await still(sys, 'store.1', () =>
			seen(sys, 'ingress', 'publishes_pending'));
	storm.end();
}

// Somebody who has no answer does not wait for it.
const impatience = (sys) => still(sys, 'store.1', () => until(async () => {
	const call = post(sys);
	const all = await look(sys);

	call.destroy();
	return total(all, 'ingress', 'publishes_abandoned') > 0;
}, { ms: 30000, what: 'somebody gives up' }));

// As soon as two looks see the same: nothing is on its way any more.
async function calm(sys) {
	let all = await look(sys), before;

	await until(async () => {
		before = sent(all);
		all = await look(sys);
		return sent(all) === before && stagesAddUp(all);
	}, { ms: 60000, what: 'what was sent has come' }).catch((e) => {
		throw new Error(`${e.message}\n${explain(all)}`);
	});
	return all;
}

async function tell(t, formation) {
	const several = formation === WIDE.formation;
	const sys = await system({ formation, env: { ...story.QUICK,
		POSTHORN_HUB_BACKLOG: '128k',
		POSTHORN_STORE_HISTORY: `${BASE}/**=300,5m,4m` } });
	const channels = [1, 2, 3].map((n) => `${BASE}/${n}`);
	const row = await story.row(sys, { name: 'httpLines', channels, rate: 300,
		pad: 'x'.repeat(2000), wanted: story.kinds.flatMap((listen) =>
			[[listen, channels[0]], [listen, channels],
				[listen, `${BASE}/*`]]) });
	const others = Array.from({ length: 6 },
		() => ws(sys, { channels: FLOOD, resume: true }));

	try {
		const idle = [await deaf(sys, FLOOD), await deaf(sys, channels[1])];

		await Promise.all(others.map((client) => client.ready()));
		await story.flowing([row], 20);
		await refusals(sys);
		if (!several)
			await impatience(sys);
		await strike(sys, several);
		await seen(sys, 'hub', 'drop_slow');
		await row.publisher.finish();
		idle.forEach((one) => one.close());
		accounted(t, await calm(sys));
	} finally {
		story.abandon([row]);
		others.forEach((client) => client.close());
		await sys.stop();
	}
}

// Nothing of this was a calm day.
function accounted(t, all) {
	const accepted = total(all, 'ingress', 'publishes_accepted');
	const abandoned = total(all, 'ingress', 'publishes_abandoned');
	const stored = total(all, 'store', 'publishes_accepted',
		'publishes_repeated');

	assert.ok(accepted <= stored && stored <= accepted + abandoned,
		explain(all));
	for (const [stage, ...names] of [
		['store', 'publishes_repeated'], ['store', 'refused_not_kept'],
		['store', 'messages_replayed'], ['store', 'copies_lagging'],
		['ingress', 'refused_forbidden'],
		['hub', 'slow_disconnects'], ['hub', 'drop_slow'],
		['store', 'gaps_told'],
	])
		assert.ok(total(all, stage, ...names) > 0, `${stage}: ${names}`);
	t.diagnostic(`${stored} accepted, ` +
		`${total(all, 'store', 'messages_routed')} sent to hubs, ` +
		`${total(all, 'hub', 'messages_delivered')} delivered`);
}

for (const formation of ['hub=3', WIDE.formation])
	test(`every message is accounted for, of ${formation}`, { skip },
		(t) => tell(t, formation));
