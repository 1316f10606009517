// apns_incus.test.js - pushes of Incus for iOS, from Redis to Apple: what the
// original put into its binary frames goes over HTTP/2.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { Apple } from './lib/apple.js';
import { item } from './lib/incus.js';
import { until } from './lib/proc.js';
import { redis } from './lib/redis.js';
import { statsd } from './lib/statsd.js';
import { missing, system } from './lib/system.js';

const STAGES = ['store', 'ingress', 'hub', 'bridge', 'apns'];
const skip = missing(...STAGES);
const TOKEN = 'AB'.repeat(32);
let db, apple, sys, sink;

before(async () => {
	if (skip)
		return;
	db = await redis();
	apple = await Apple.start();
	sink = await statsd();
	const { cert, key } = apple.authority.issue('beta');
	const apps = apple.authority.path('apps');

	// The builds of the settings, and one that is none of Incus' four.
	fs.writeFileSync(apps, `[incus/nightly]\ncert = ${cert}\n` +
		`private_key = ${key}\nhost = ${apple.host}\ntopic = a.nightly\n`);
	sys = await system({ stages: STAGES, env: {
		...apple.env, POSTHORN_INCUS_APNS: 'true',
		POSTHORN_STATSD: sink.address,
		POSTHORN_REDIS: `127.0.0.1:${db.port}`,
		POSTHORN_APNS_STORE_CERT: apple.client.cert,
		POSTHORN_APNS_STORE_PRIVATE_KEY: apple.client.key,
		POSTHORN_APNS_STORE_URL: apple.host,
		POSTHORN_APNS_APPS: apps } });
});
after(async () => {
	await sys?.stop();
	await db?.stop();
	sink?.close();
});

const push = (data, { event = 'ev', build = 'store' } = {}) =>
	db.do('RPUSH', 'Incus_Queue', item({ command: 'push', push_type: 'ios',
		device_token: TOKEN, build }, { event, data }));

// The next push that Apple is asked for.
async function asked(data, options) {
	const n = apple.pushes.length;

	await push(data, options);
	return until(() => apple.pushes[n], { what: 'Apple is asked' })
		.catch((e) => {
			throw new Error(`${e.message}\n${sys.out}`);
		});
}

test('I24: the payload is the original\'s', { skip }, async () => {
	const before = Math.floor(Date.now() / 1000);
	const data = { message_text: 'Hi', message: 'other', badge_count: 7,
		internal_url: '/x', n: 1 };
	const { body, headers, session, device } = await asked(data);
	const { aps, payload } = JSON.parse(body);

	assert.deepEqual(aps, { alert: 'Hi', badge: 7, sound: 'bingbong.aiff' });
	const { time, ...rest } = payload;

	assert.deepEqual(rest, { event: 'ev', data, internal_url: '/x' });
	assert.ok(time >= before && time <= before + 10, time);
	assert.equal(device, TOKEN.toLowerCase());
	assert.equal(session.subject, 'client');
	assert.equal(headers['apns-expiration'], '0');
	assert.equal(headers['apns-priority'], '10');
	assert.equal(headers['apns-push-type'], 'alert');
	assert.equal(headers['apns-topic'], undefined); // the certificate's
	assert.equal(headers.authorization, undefined);
});

test('I24: the badge is a whole number, or -1', { skip }, async () => {
	for (const [count, badge] of [[undefined, -1], [0, -1], [3.9, 3],
		[-2.5, -2], ['5', -1], [null, -1], [1e300, -1], [[1], -1]]) {
		const { body } = await asked({ badge_count: count });

		assert.equal(JSON.parse(body).aps.badge, badge, `${count}`);
	}
});

test('I24: the alert is message_text, else message, of any kind', { skip },
	async () => {
		for (const [data, alert] of [[{ message: 'm' }, 'm'],
			[{ message_text: 't', message: 'm' }, 't'],
			[{ message: { 'loc-key': 'k' } }, { 'loc-key': 'k' }],
			[{ message_text: 5 }, 5], [{ n: 1 }, undefined]]) {
			const { aps } = JSON.parse((await asked(data)).body);

			assert.deepEqual(aps.alert, alert);
			assert.equal('alert' in aps, alert !== undefined);
		}
	});

test('I24: a build is a connection, and one that nobody set is a dead letter',
	{ skip }, async () => {
		const { session, headers } = await asked({}, { build: 'nightly' });

		assert.equal(session.subject, 'beta');
		assert.equal(headers['apns-topic'], 'a.nightly');
		await push({}, { build: 'nobodys' });
		await sys.up.said(
			/stage=apns.1 event=refused app=incus why="no connection for/);
	});

test('I24: what Apple says against it is in the log, and its token in feedback',
	{ skip }, async () => {
		apple.answers.set(TOKEN.toLowerCase(),
			() => ({ status: 400, reason: 'BadTopic' }));
		await asked({});
		await sys.up.said(/stage=apns.1 event=refused app=incus why="BadTopic"/);
		apple.answers.set(TOKEN.toLowerCase(),
			() => ({ status: 410, reason: 'Unregistered', timestamp: 5 }));
		await asked({});
		await until(async () => await sys.sum('pushes_gone_total') === 1);
		// And both count, as the build that nobody set did.
		assert.equal(await sys.sum('incus_apns_errors_total'), 3);
		apple.answers.clear();
	});

// 1 + 8 + 5 + 1 pushes were taken, one was of no build, and two Apple refused.
test('I26: a StatsD hears of pushes, and of what was not taken', { skip },
	() => sink.counted({ 'incus.apns.push': 18, 'incus.apns.error': 3 }));
