// hang.test.js - one of two stores hangs, while more is published to its
// shards than may be on its way: those who publish to the other's shards do
// not notice, and when it goes on nothing is lost, double or out of order.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { parse } from './lib/clients.js';
import { saying, until } from './lib/proc.js';
import * as story from './lib/story.js';
import { KEY, missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const LONG = 6000; // ms; longer than the beats of a link
const SLOWEST = 1000; // ms until others are answered, where nothing else runs
const LINES = 1000, SIZE = 16000; // more than may be on its way
const RATE = 100; // of each publisher, a second

// Names, each of a shard of that store.
async function channelsOf(sys, store, count) {
	const found = [];

	for (let n = 0; found.length < count; n++) {
		const channel = `/app/public/of${store}/${n}`;
		const [[shard]] = parse((await sys.publish({ channel,
			data: 'mark' })).cursor);

		if (Number(shard) < 32 === (store === 1))
			found.push(channel);
	}
	return found;
}

// That many lines at once; their answers as they come.
function flood(sys, channel, lines) {
	const call = http.request(sys.url('/v1/publish'), { method: 'POST',
		auth: KEY, headers: { 'content-type': 'application/x-ndjson' } });
	const it = { answers: 0, refused: 0 };

	call.on('response', (reply) => {
		let text = '';

		reply.setEncoding('utf8').on('data', (more) => {
			const rows = (text += more).split('\n');

			text = rows.pop();
			for (const row of rows.map((one) => JSON.parse(one))) {
				it.answers++;
				it.refused += 'error' in row;
			}
		});
	});
	call.end(`${JSON.stringify({ channel, data: 'x'.repeat(SIZE) })}\n`
		.repeat(lines));
	return it;
}

// How long single requests take, at most, until `done`.
async function ask(sys, channels, done) {
	let most = 0, n = 0;

	for (; !done(); n++) {
		const began = Date.now();

		await sys.publish({ channel: channels[n % channels.length], data: n });
		most = Math.max(most, Date.now() - began);
	}
	return { most, n };
}

// The longest that others wait for an answer until `done`, and that listeners
// wait for a message since then.
async function endure(sys, { channels, clients, since }, done) {
	const { most, n } = await ask(sys, channels, done);

	return { most, n, silent: Math.max(...clients.map((client) =>
		story.silence(client, since, Date.now()))) };
}

test('a store that hangs is waited for by its own publishers only', { skip },
	async (t) => {
		const sys = await system({ formation: 'hub=2,store=2',
			env: { ...story.QUICK, POSTHORN_SHARDS: '64', POSTHORN_STORE:
			'store.1@ipc://run/store.1 store.2@ipc://run/store.2' } });
		const theirs = await channelsOf(sys, 1, 2);
		const ours = await channelsOf(sys, 2, 4);
		const row = await story.row(sys, { name: 'httpLines', rate: RATE,
			channels: ours.slice(0, 2), wanted: story.kinds.map((listen) =>
				[listen, ours.slice(0, 2)]) });

		try {
			await story.flowing([row], 20);
			const others = { channels: ours.slice(2), clients: row.clients,
				since: Date.now() };
			// What so many lines do to others here without a hang.
			const some = flood(sys, theirs[0], LINES);
			const calm = await endure(sys, others, () =>
				some.answers === LINES);
			const slowest = SLOWEST + 2 * Math.max(calm.most, calm.silent);

			const began = Date.now();
			const pid = sys.signal('store.1', 'SIGSTOP');
			const many = flood(sys, theirs[0], LINES);
			const single = sys.publish({ channel: theirs[1], data: 1 });

			single.catch(() => {}); // it is waited for below
			await until(async () => await sys.sum(
				'publishes_pending', 'ingress') > LINES / 5);
			const late = flood(sys, theirs[1], 5);
			const { most, n, silent } = await endure(sys,
				{ ...others, since: began },
				() => Date.now() - began > LONG);

			process.kill(pid, 'SIGCONT');
			t.diagnostic(`${n} others in at most ${most} ms; ` +
				`nobody heard nothing for more than ${silent} ms; ` +
				`without a hang ${calm.most} and ${calm.silent} ms`);
			assert.equal(many.answers, 0);
			assert.ok(most < slowest, `${most} ms, not ${slowest}`);
			assert.ok(silent < slowest, `${silent} ms, not ${slowest}`);
			await until(() => many.answers === LINES && late.answers === 5,
				{ ms: 30000, what: 'all lines are answered' });
			assert.equal(many.refused + late.refused, 0);
			await single;
			await story.finish([row]);
			story.whole(row);
		} catch (e) {
			throw saying(e, `${sys.out.split('\n').slice(-40).join('\n')}`);
		} finally {
			story.abandon([row]);
			await sys.stop();
		}
	});
