// incus_long.test.js - what our own client says without a socket may be long,
// and what is too long stops nothing.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { socket } from './lib/incus_client.js';
import { top, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const Incus = createRequire(import.meta.url)(
	path.join(top, 'ingress/www/incus.js'));
const skip = missing('store', 'hub', 'ingress');
let sys;

before(async () => {
	if (!skip)
		sys = await system();
});
after(() => sys?.stop());

test('long messages go by form, those too long are dropped with an error',
	{ skip }, async () => {
		const ear = await socket(sys.port, { user: 'ear' });
		const one = new Incus(sys.url(''), 'mouth', undefined,
			{ WebSocket: null });
		const errors = [];

		one.on('error', ({ message }) => errors.push(message));
		for (const n of [10, 3000, 20000, 100000, 9000])
			one.MessageUser('say', 'ear', { text: '{ü}'.repeat(n / 10) });
		await until(() => ear.messages.length >= 4,
			{ what: 'all but one are heard' });
		assert.deepEqual(ear.messages.map(({ data }) => data.text.length),
			[3, 900, 6000, 2700]);
		assert.ok(ear.messages.every(({ data }) => /^({ü})+$/.test(data.text)));
		assert.equal(errors.length, 1);
		assert.match(errors[0], /too large/);
		one.close();
		ear.close();
	});
