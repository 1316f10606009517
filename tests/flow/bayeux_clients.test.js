// bayeux_clients.test.js - the clients that people have, unchanged: faye and
// cometd from npm, by WebSocket and by long polling alone, on one hub and on
// three, through restarts.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { until } from './lib/proc.js';
import { KEY, missing, system } from './lib/system.js';
import { certificate } from './lib/tls.js';
import { token } from './lib/token.js';

const skip = missing('store', 'hub', 'ingress');
const require = createRequire(import.meta.url);
const [ID, SECRET] = KEY.split(':');
const open = new Set();
let one, three, CometD;

before(async () => {
	if (skip)
		return;
	const env = { POSTHORN_HUB_SPREAD: '100ms' };

	// Modules, which Node.js 18 does not let one require.
	(await import('cometd-nodejs-client')).adapt();
	({ CometD } = await import('cometd'));
	[one, three] = await Promise.all([system({ env }),
		system({ env, formation: 'hub=3' })]);
});
after(async () => {
	// Who finds nobody to say so to tries again for ever.
	await Promise.all([...open].map((client) => client.disconnect()));
	await Promise.all([one?.stop(), three?.stop()]);
});

// Faye's, with credentials on all it says; `polls`: no WebSocket.
function faye(sys, { polls = false } = {}) {
	const { Client } = require('faye');
	const client = new Client(sys.url('/push'), { retry: 0.3,
		tls: { rejectUnauthorized: false } });

	if (polls)
		client.disable('websocket');
	client.addExtension({ outgoing(message, done) {
		message.ext = { auth: { key: ID, secret: SECRET } };
		done(message);
	} });
	open.add(client);
	return client;
}

// CometD's, likewise.
function cometd(sys, { polls = false } = {}) {
	if (!polls)
		global.window.WebSocket = WebSocket;
	const client = new CometD();

	client.configure({ url: sys.url('/push'), maxBackoff: 500,
		backoffIncrement: 100 });
	client.websocketEnabled = !polls;
	client.registerExtension('auth', { outgoing(message) {
		if (message.channel === '/meta/subscribe' ||
			!message.channel.startsWith('/meta/'))
			message.ext = { ...message.ext,
				auth: { key: ID, secret: SECRET } };
	} });
	open.add(client);
	return client;
}

const kinds = {
	faye: (sys, options) => {
		const client = faye(sys, options);

		return {
			client,
			listen: (channel, hear) => client.subscribe(channel)
				.withChannel((name, data) => hear(data, name)),
			publish: (channel, data) => client.publish(channel, data),
			end: () => client.disconnect(),
		};
	},
	cometd: (sys, options) => {
		const client = cometd(sys, options);
		const ready = new Promise((done, fail) => client.handshake((reply) =>
			(reply.successful ? done() : fail(new Error(
				JSON.stringify(reply))))));
		const asked = (ask) => new Promise((done, fail) => ask((reply) =>
			(reply.successful ? done(reply) : fail(new Error(reply.error)))));

		return {
			client,
			listen: async (channel, hear) => {
				await ready;
				const subscribe = (reply) => client.subscribe(channel,
					({ channel, data }) => hear(data, channel), reply);

				await asked(subscribe);
				// It leaves that to whoever uses it.
				client.addListener('/meta/handshake', ({ successful }) =>
					successful && subscribe());
			},
			publish: async (channel, data) => {
				await ready;
				await asked((reply) => client.publish(channel, data, reply));
			},
			end: () => client.disconnect(),
		};
	},
};

for (const [kind, make] of Object.entries(kinds))
	for (const polls of [false, true])
		for (const hubs of [1, 3])
			test(`${kind} by ${polls ? 'polls' : 'WebSocket'}, ${hubs} hubs`,
				{ skip }, async () => {
					const sys = hubs === 1 ? one : three;
					const name = `${kind}${polls}${hubs}`;
					const clients = Array.from({ length: 4 },
						() => make(sys, { polls }));
					const heard = clients.map(() => []);

					await Promise.all(clients.map((client, i) =>
						client.listen(`/app/private/${name}/*`,
							(data, channel) => heard[i].push([channel, data]))));
					for (const [i, client] of clients.entries())
						await client.publish(`/app/private/${name}/c${i}`,
							{ i, text: 'ä \u2028' });
					await until(() => heard.every((all) => all.length >= 4),
						{ what: `all: ${JSON.stringify(heard)}` });
					for (const all of heard)
						assert.deepEqual(all, clients.map((_, i) =>
							[`/app/private/${name}/c${i}`,
								{ i, text: 'ä \u2028' }]));
					for (const client of clients)
						client.end();
				});

test('after all hubs were restarted they begin anew by themselves', { skip },
	async () => {
		const clients = Object.values(kinds).flatMap((make) =>
			[make(three), make(three, { polls: true })]);
		const heard = clients.map(() => []);

		await Promise.all(clients.map((client, i) => client.listen(
			'/app/public/anew', (data) => heard[i].push(data))));
		for (const hub of ['hub.1', 'hub.2', 'hub.3'])
			await three.kill(hub);
		await until(async () => {
			await three.publish({ channel: '/app/public/anew',
				data: 'again' }).catch(() => {});
			return heard.every((all) => all.includes('again'));
		}, { ms: 30000, what: 'all hear again' }).catch((e) => {
			throw new Error(`${e.message}: ${heard.map((all) =>
				all.length)}\n${three.out.slice(-4000)}`);
		});
		for (const client of clients)
			client.end();
	});

test('by TLS, through three hubs, and while stores and ingresses come and go',
	{ skip }, async () => {
		const safe = await system({ secure: true, formation: 'hub=3',
			listen: '127.0.0.1:PORT+tls',
			env: { ...certificate(), POSTHORN_HUB_SPREAD: '100ms' } });

		await safe.readyz();
		const clients = [false, true, false, true].map((polls) =>
			kinds.faye(safe, { polls }));
		const heard = clients.map(() => []);
		const all = async (data) => {
			await until(async () => {
				await safe.send({ channel: '/app/public/tls', data })
					.catch(() => {});
				return heard.every((all) => all.includes(data));
			}, { ms: 30000, what: `all hear of ${data}` });
		};

		await Promise.all(clients.map((client, i) => client.listen(
			'/app/public/tls', (data) => heard[i].push(data))));
		await all('the beginning');
		await safe.kill('store.1');
		await all('another store');
		await safe.kill('ingress.1');
		await all('another ingress');
		await Promise.all(clients.map((client) => client.end()));
		await safe.stop();
	});

test('pandapush\'s client of npm\'s time: a token by ext', { skip },
	async () => {
		const client = new (require('faye').Client)(three.url('/push'));
		const jwt = token({ keyId: ID, channel: '/app/private/t/**',
			sub: true, pub: true });
		const heard = [];

		open.add(client);
		client.addExtension({ outgoing(message, done) {
			message.ext = { auth: { token: jwt } };
			done(message);
		} });
		await client.subscribe('/app/private/t/x', (data) => heard.push(data));
		await client.publish('/app/private/t/x', { a: 1 });
		await until(() => heard.length === 1);
		await assert.rejects(Promise.resolve(client.subscribe(
			'/app/private/u', () => {})), (e) =>
			(e.message ?? e) === 'Token does not match channel');
		client.disconnect();
	});
