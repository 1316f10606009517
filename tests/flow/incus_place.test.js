// incus_place.test.js - a socket of Incus that names a place is told with each
// message a place, which is true wherever the socket ends: all before it on any
// of its channels was told.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ALL, PAGE, USER } from './lib/incus.js';
import { socket } from './lib/incus_client.js';
import { bin, start, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress', 'send');

let shared;
const whole = () => shared ??= system();

after(async () => (await shared)?.stop());

const come = (sys, user, cursor) => socket(sys.port, {
	first: JSON.stringify({ command: { command: 'authenticate', user,
		page: `${user}s`, cursor }, message: {} }) });
const events = (it) => it.messages.filter(({ event }) => event === 'n');
const offset = ({ cursor }) => Number(cursor.split('.')[1]);

// Where a new client stands.
async function place(sys, user) {
	const it = await come(sys, user, '');
	const { cursor } = await until(() => it.messages.at(-1));

	it.close();
	return cursor;
}

// By turns to all, to the user and to his page.
async function publish(sys, user, count, from = 0) {
	const channels = [ALL, `${USER}${user}`, `${PAGE}${user}s`];
	const lines = Array.from({ length: count }, (_, i) => JSON.stringify({
		channel: channels[(from + i) % channels.length],
		data: { event: 'n', data: { n: from + i } } }));
	const pipe = await start(bin('send'), [], { cwd: sys.dir, ready: false,
		piped: true, env: sys.env });

	pipe.child.stdin.end(`${lines.join('\n')}\n`);
	assert.equal((await pipe.ended()).code, 0);
}

test('what several channels bring is told in its order', { skip }, async () => {
	const sys = await whole();
	const before = await place(sys, 'a');

	await publish(sys, 'a', 300);
	const it = await come(sys, 'a', before);

	await until(() => it.messages.at(-1)?.cursor &&
		!it.messages.at(-1).event, { what: 'it has caught up' });
	await publish(sys, 'a', 30, 300);
	await until(() => events(it).length === 330, { what: 'live ones' });
	assert.deepEqual(events(it).map(({ data }) => data.n),
		Array.from({ length: 330 }, (_, n) => n));
	const offsets = it.messages.map(offset);

	assert.deepEqual(offsets, [...offsets].sort((a, b) => a - b));
	it.close();
});

test('more than it gathers comes to who asks again and again', { skip },
	async () => {
		const sys = await whole();
		const heard = [];
		let cursor = await place(sys, 'b'), rounds = 0, it;

		await publish(sys, 'b', 2500);
		for (; heard.length < 2500 && rounds < 10; rounds++) {
			it = await come(sys, 'b', cursor);
			await until(() => it.closed !== undefined ||
				heard.length + events(it).length === 2500,
			{ what: 'it has all, or is told to come again' });
			if (it.closed !== undefined)
				assert.deepEqual(it.closed, [1013, '']);
			cursor = it.messages.at(-1).cursor;
			heard.push(...events(it).map(({ data }) => data.n));
			it.close();
		}
		assert.deepEqual(heard, Array.from({ length: 2500 }, (_, n) => n));
		assert.ok(rounds > 1);
	});
