// jobs.test.js - jobs by HTTP: enqueued, listed, deleted, replayed.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
let sys;

before(async () => {
	if (!skip)
		sys = await system();
});

async function call(method, where, body) {
	const reply = await sys.request(where, { method,
		body: body === undefined ? undefined : JSON.stringify(body) });

	return { status: reply.status, json: await reply.json() };
}

async function enqueue(body) {
	const { status, json } = await call('POST', '/v1/jobs', body);

	assert.equal(status, 200, JSON.stringify(json));
	return json.job;
}

test('a job is enqueued and can be looked at', { skip }, async () => {
	const job = await enqueue({ queue: 'look', target: 'token-1',
		data: { n: 1.50 }, priority: 7, ttl: 60, collapse: 'k' });
	const { status, json } = await call('GET', `/v1/jobs/${job}`);

	assert.equal(status, 200);
	assert.equal(json.job, job);
	assert.equal(json.state, 'ready');
	assert.equal(json.priority, 7);
	assert.equal(json.target, 'token-1');
	assert.deepEqual(json.data, { n: 1.5 });
	const later = await enqueue({ queue: 'look', target: 'token-1',
		text: 'x', delay: 3600, collapse: 'k' });

	assert.equal((await call('GET', `/v1/jobs/${job}`)).json.state, 'replaced');
	assert.equal((await call('GET', `/v1/jobs/${later}`)).json.state, 'waiting');
	assert.equal((await call('GET', `/v1/jobs/${later}`)).json.text, 'x');
});

test('an id makes one job', { skip }, async () => {
	const body = { queue: 'once', target: 't', data: 1, id: 'i' };

	assert.equal(await enqueue(body), await enqueue(body));
});

test('jobs are listed page by page', { skip }, async () => {
	const jobs = [];
	const listed = [];

	for (let n = 0; n < 7; n++)
		jobs.push(await enqueue({ queue: 'list', target: `t${n}`, data: n }));
	for (let after = ''; after !== undefined;) {
		const { json } = await call('GET',
			`/v1/jobs?queue=list&state=ready&limit=3&after=${after}`);

		listed.push(...json.jobs.map((one) => one.job));
		after = json.after;
	}
	assert.deepEqual(listed.sort(), jobs.sort());
});

test('a job can be deleted', { skip }, async () => {
	const job = await enqueue({ queue: 'gone', target: 't', data: 1 });

	assert.equal((await call('DELETE', `/v1/jobs/${job}`)).status, 200);
	assert.equal((await call('GET', `/v1/jobs/${job}`)).json.state, 'cancelled');
	assert.equal((await call('DELETE', `/v1/jobs/${job}`)).status, 404);
	assert.equal((await call('POST', `/v1/jobs/${job}/replay`)).status, 404);
	assert.deepEqual((await call('POST', '/v1/jobs/replay?queue=gone')).json,
		{ replayed: 0, refused: 0 });
});

test('what is wrong with a job names the field', { skip }, async () => {
	const good = { queue: 'q', target: 't', data: 1 };

	for (const [field, body] of [
		['queue', { ...good, queue: 'a/b' }],
		['queue', { ...good, queue: 'a\x7fb' }],
		['queue', { target: 't', data: 1 }],
		['target', { ...good, target: '' }],
		['target', { queue: 'q', data: 1 }],
		['data', { queue: 'q', target: 't' }],
		['data', { ...good, data: 'x'.repeat(70000) }],
		['collapse', { ...good, collapse: 5 }],
		['priority', { ...good, priority: 10 }],
		['delay', { ...good, delay: -1 }],
		['delay', { ...good, delay: 60, ttl: 30 }],
		['delay', { ...good, delay: 29 * 86400 }], // a job lives 28 days
		['ttl', { ...good, ttl: 0 }],
	]) {
		const { status, json } = await call('POST', '/v1/jobs', body);

		assert.ok(status === 400 || status === 413, JSON.stringify(json));
		assert.equal(json.error.field, field);
	}
	for (const [field, query] of [
		['state', 'state=odd'], ['limit', 'limit=0'], ['after', 'after=x'],
		['queue', `queue=${'q'.repeat(40)}`], ['queue', 'queue=q%00r'],
	]) {
		const { status, json } = await call('GET', `/v1/jobs?${query}`);

		assert.equal(status, 400);
		assert.equal(json.error.field, field);
	}
	assert.equal((await call('GET', '/v1/jobs/0-999999')).status, 404);
	assert.equal((await call('GET', '/v1/jobs/nothing')).status, 404);
	assert.equal((await call('PUT', '/v1/jobs/0-1')).status, 405);
});

test('jobs need a key', { skip }, async () => {
	const bare = await fetch(sys.url('/v1/jobs'));

	assert.equal(bare.status, 401);
	assert.equal((await fetch(sys.url('/v1/feedback'))).status, 401);
	const { status, json } = await call('GET', '/v1/feedback');

	assert.equal(status, 200);
	assert.deepEqual(json.messages, []);
});
