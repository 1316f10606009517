// apns.test.js - jobs of the queue apns, and what Apple is asked and says.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Apple, TOPIC } from './lib/apple.js';
import { until } from './lib/proc.js';
import { enqueue } from './lib/pusher.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'apns');
const TOKEN = 'ab'.repeat(32);

// A Posthorn with a pusher, and Apple, with these sections of connections.
async function posthorn({ sections = (apple) => apple.section('app'),
	stages = ['store', 'ingress', 'hub', 'apns'], env = {}, ...rest } = {}) {
	const apple = await Apple.start();
	const apps = apple.authority.path('apps');

	fs.writeFileSync(apps, sections(apple));
	const sys = await system({ stages, env: { ...apple.env,
		POSTHORN_APNS_APPS: apps, ...env }, ...rest });

	return { sys, apple, apps };
}

const push = (sys, data, more = {}) =>
	enqueue(sys, { queue: 'apns', target: TOKEN, data, ...more });
const job = (sys, id) => sys.json(`/v1/jobs/${id}`);
const becomes = (sys, id, state) => until(async () => {
	const it = await job(sys, id);

	return it.state === state && it;
}, { what: `job ${id} is ${state}` }).catch(async (e) => {
	throw new Error(`${e.message}: ${JSON.stringify(await job(sys, id))}\n` +
		sys.out);
});

test('a job becomes a push with Apple\'s headers, and is delivered', { skip },
	async () => {
		const { sys, apple } = await posthorn();
		const data = { aps: { alert: 'Hello', badge: 3 }, n: 1.50 };
		const before = Math.floor(Date.now() / 1000);
		const id = await push(sys, data, { ttl: 600, collapse: 'c1' });
		const it = await becomes(sys, id, 'delivered');
		const [{ headers, body, session }] = apple.taken();

		assert.deepEqual(JSON.parse(body), data);
		assert.equal(headers[':method'], 'POST');
		assert.equal(headers[':scheme'], 'https');
		assert.equal(headers[':path'], `/3/device/${TOKEN}`);
		assert.equal(headers[':authority'], apple.host);
		assert.equal(headers['apns-topic'], TOPIC);
		assert.equal(headers['apns-push-type'], 'alert');
		assert.equal(headers['apns-priority'], '10');
		assert.equal(headers['apns-collapse-id'], 'c1');
		const expires = Number(headers['apns-expiration']);

		assert.ok(expires >= before + 600 && expires <= before + 610, expires);
		assert.equal(session.alpn, 'h2');
		assert.equal(session.subject, undefined);
		assert.equal(it.vendor_id, headers['apns-id']);
		await sys.stop();
	});
