// pandapush_statsd.test.js - a StatsD is told what happens, as Pandapush told it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Pandapush, client } from './lib/faye.js';
import { until } from './lib/proc.js';
import { statsd } from './lib/statsd.js';
import { KEY, missing, system } from './lib/system.js';
import { token } from './lib/token.js';

const skip = missing('store', 'hub', 'ingress');
const [keyId] = KEY.split(':');
let sys, sink;

before(async () => {
	if (skip)
		return;
	sink = await statsd();
	sys = await system({ env: { POSTHORN_STATSD: sink.address } });
});

after(async () => {
	await sys?.stop();
	sink?.close();
});

test('clients that come, listen, publish and leave are counted', { skip },
	async () => {
		const place = '/app/private/x';
		const pass = token({ keyId, channel: place, pub: true, sub: true },
			{ kid: '' });
		const one = client(sys.url('/push'), { Kind: Pandapush.Client });

		await one.subscribeTo(place, pass, () => {});
		await one.subscribe('/nobodys/public/x');
		await one.subscribe('/no.body/public/x').catch(() => {});
		await one.publishTo(place, pass, 1);
		await one.publish(place, 1).catch(() => {});
		one.unsubscribe(place);
		await sink.counted({ 'pandapush.handshake': 1,
			'pandapush.subscribe': 2, 'pandapush.unsubscribe': 1,
			'pandapush.publish': 1, 'pandapush.apps.app.subscribe': 1,
			'pandapush.apps.nobodys.subscribe': 1,
			'pandapush.apps.app.unsubscribe': 1,
			'pandapush.apps.app.publish': 1 });
		assert.ok(!sink.counters.has('pandapush.disconnect'));
		await one.disconnect();
		await sink.counted({ 'pandapush.disconnect': 1,
			'pandapush.close': 1 });
	});

test('answers over HTTP are counted by their status, and timed', { skip },
	async () => {
		const post = (headers, body = '{}') => sys.request(
			'/channel/app/private/y', { method: 'POST', body, headers: {
				'content-type': 'application/json', ...headers } });
		const told = () => sink.times.filter((name) =>
			name === 'pandapush.duration.all').length;
		const before = told();

		await post();
		await post();
		await post({ authorization: 'x' });
		await post({}, '1');
		await sys.request('/health_check.json');
		await sys.request('/channel/x');
		await sink.counted({ 'pandapush.responses.all.200': 3,
			'pandapush.responses.all.403': 1,
			'pandapush.responses.all.400': 1,
			'pandapush.responses.all.404': 1,
			'pandapush.publish': 3, 'pandapush.apps.app.publish': 3 });
		// In a packet of their own, perhaps.
		await until(() => told() - before >= 6);
		assert.equal(told() - before, 6);
	});
