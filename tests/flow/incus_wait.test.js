// incus_wait.test.js - how long Incus' clients wait if nobody has set anything:
// a minute for a poll, for ever for a WebSocket, which is pinged each 20 s.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { message, poll, socket } from './lib/incus_client.js';
import { until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');

test('I7, I9: a poll ends after a minute, a WebSocket never, nor for silence',
	{ skip }, async () => {
		const sys = await system();
		const began = Date.now();
		const passed = (since = began) => (Date.now() - since) / 1000;
		const silent = await socket(sys.port, { user: 'silent' });
		const asked = Date.now();
		const [one, nobody] = await Promise.all([poll(sys.port, { user: 'u' }),
			poll(sys.port, {})]);
		const pings = () => silent.frames.filter(({ first }) => first === 0x89);

		const { status, body } = await nobody.answered();

		assert.deepEqual([status, body], [200, '']);
		const short = passed(asked);

		assert.ok(short >= 2.9 && short < 5, `nobody: ${short} s`);
		for (let n = 1; n <= 2; n++) {
			await until(() => pings().length === n,
				{ ms: 25000, what: `ping ${n}` });
			assert.ok(Math.abs(passed() - 20 * n) < 2,
				`ping ${n}: ${passed()} s`);
		}
		assert.equal((await one.answered({ ms: 25000 })).status, 204);
		const waited = passed(asked);

		assert.ok(Math.abs(waited - 60) <= 1, `a poll: ${waited} s`);
		assert.ok(pings().every(({ payload }) => payload.length === 0));
		assert.equal(silent.ended, false);
		silent.say(message({ user: 'silent' }, 'still here'));
		await silent.heard('still here');
		for (const it of [silent, one, nobody])
			it.close();
		await sys.stop();
	});
