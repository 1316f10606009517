// bayeux_churn.test.js - clients that change their minds: sockets cut, polls
// given up, other transports, second thoughts; and nobody hears anything twice,
// or out of order, and nothing is left of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { connect, events, handshake, post, socket, subscribed }
	from './lib/bayeux.js';
import { until } from './lib/proc.js';
import { random } from './lib/random.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const CLIENTS = 24, MESSAGES = 1500, CHANNEL = '/app/public/churn';

class Client {
	constructor(port, draw) {
		Object.assign(this, { port, draw, carriers: [] });
	}

	async begin() {
		this.id = await handshake(this.port);
		await subscribed(this.port, this.id, [CHANNEL, '/app/public/*']);
		return this;
	}

	// What a request or a socket brings.  Two of them are two streams of TCP:
	// the later one's bytes may be read first.
	carrier() {
		const heard = [];

		this.carriers.push(heard);
		return (messages) => {
			heard.push(...events(messages).map(({ data }) => data));
			this.refused ??= messages.find(({ error }) => error);
		};
	}

	// In the order in which it was sent: what one brought does not reach into
	// what another did.
	get heard() {
		return this.carriers.filter((it) => it.length !== 0)
			.sort(([a], [b]) => a - b).flat();
	}

	// One way for a while; cut off as often as not.
	async turn(over) {
		const what = this.draw(4);
		const most = this.draw(40);

		if (what < 2) {
			const it = await socket(this.port), take = this.carrier();

			const say = () => it.say(connect(this.id,
				{ connectionType: 'websocket' }));

			// Who says no more would be forgotten, were this machine slow.
			it.ws.on('message', (text) => {
				const messages = JSON.parse(text);

				take(messages);
				if (messages.some(({ successful }) => successful) &&
				    it.ws.readyState === WebSocket.OPEN)
					say();
			});
			say();
			for (let n = 0; n < most && !over(); n++)
				await post(this.port, []);
			if (what === 0)
				it.close();
			else
				it.ws.close();
			return;
		}
		const ms = what === 2 ? 50 : 2000;
		const held = post(this.port, connect(this.id,
			{ advice: { timeout: ms } })).then(this.carrier());

		if (what === 3) // and another one, which ends that
			await post(this.port, connect(this.id, { advice: { timeout: 0 } }))
				.then(this.carrier());
		await held;
	}
}

test('clients that come, go and come back', { skip }, async () => {
	const sys = await system({ formation: 'hub=2',
		env: { POSTHORN_HUB_BAYEUX_TIMEOUT: '5s' } });
	const draw = random(7);
	const before = ['hub.1', 'hub.2'].map((name) => sys.pid(name));
	const clients = await Promise.all(Array.from({ length: CLIENTS },
		() => new Client(sys.port, draw).begin()));
	let sent = 0, over = false;
	const turns = clients.map(async (client) => {
		while (!over)
			await client.turn(() => over);
	});

	while (sent < MESSAGES) {
		const batch = Array.from({ length: 10 }, () =>
			({ channel: CHANNEL, data: sent++ }));

		await sys.publish(batch);
	}
	over = true;
	await Promise.all(turns);
	for (const client of clients) {
		const heard = client.heard;

		assert.equal(client.refused, undefined, 'it was known all the time');
		assert.ok(heard.length > MESSAGES / 2, `heard ${heard.length}`);
		for (let i = 1; i < heard.length; i++)
			assert.ok(heard[i] > heard[i - 1],
				`${heard[i - 1]} before ${heard[i]}`);
	}
	await until(async () => await sys.sum('bayeux_sessions') === 0,
		{ ms: 30000, what: 'all are forgotten' });
	assert.deepEqual(['hub.1', 'hub.2'].map((name) => sys.pid(name)), before);
	await sys.stop();
});
