// bayeux_presence.test.js - who is there, told as Pandapush tells it; and the
// rights that its tokens give.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, events, handshake, post, socket, subscribe, subscribed }
	from './lib/bayeux.js';
import { until } from './lib/proc.js';
import { KEY, missing, system } from './lib/system.js';
import { token } from './lib/token.js';

const skip = missing('store', 'hub', 'ingress');
const [ID, SECRET] = KEY.split(':');
let sys, port;

before(async () => {
	if (skip)
		return;
	sys = await system({ formation: 'hub=2', env: {
		POSTHORN_HUB_BAYEUX_TIMEOUT: '1s' } });
	port = sys.port;
});
after(() => sys?.stop());

const as = (presence, channel = '/app/presence/*', more = {}) => ({ ext: {
	auth: { token: token({ keyId: ID, channel, sub: true, presence,
		...more }) } } });

// A client by WebSocket that listens there as somebody.
async function visitor(channel, presence) {
	const it = await socket(port);
	const { clientId } = await it.ask({ channel: '/meta/handshake',
		version: '1.0', supportedConnectionTypes: ['websocket'] });

	it.id = clientId;
	const connected = () => {
		if (it.code === undefined)
			it.say(connect(clientId, { connectionType: 'websocket' }));
	};

	it.ws.on('message', (text) => {
		for (const { channel, successful } of JSON.parse(text))
			if (channel === '/meta/connect' && successful)
				connected();
	});
	connected();
	it.reply = await it.ask(subscribe(clientId, channel, as(presence)));
	return it;
}

test('the roster comes with the answer, joins and leaves as events', { skip },
	async () => {
		const channel = '/app/presence/room';
		const ann = await visitor(channel, { id: 'ann', name: 'Ann' });

		assert.deepEqual(ann.reply, { id: 'q2', clientId: ann.id,
			channel: '/meta/subscribe', successful: true,
			subscription: channel, ext: { presence: { subscribe: {
				ann: { id: 'ann', name: 'Ann' } } } } });
		const bob = await visitor(channel, { id: 7 });

		assert.deepEqual(bob.reply.ext.presence.subscribe, {
			ann: { id: 'ann', name: 'Ann' }, 7: { id: 7 } });
		const joined = await ann.heard((it) => it.channel === channel);

		assert.deepEqual(joined.data, { subscribe: { 7: { id: 7 } } });
		assert.equal(joined.successful, undefined);
		// One more of the same is not told.
		const more = await visitor(channel, { id: 7 });

		await bob.ask({ channel: '/meta/unsubscribe', clientId: bob.id,
			subscription: channel });
		await more.ask({ channel: '/meta/disconnect', clientId: more.id });
		assert.deepEqual((await ann.heard((it) => it.channel === channel)).data,
			{ unsubscribe: { 7: null } });
		assert.deepEqual(events(bob.messages), []);
		for (const it of [ann, bob, more])
			it.close();
	});

test('who says no more is gone when his session is', { skip }, async () => {
	const channel = '/app/presence/silent';
	const ann = await visitor(channel, { id: 'ann' });
	const id = await handshake(port);

	await subscribed(port, id, channel, as({ id: 'poll' }));
	await ann.heard(({ data }) => data?.subscribe?.poll);
	await ann.heard(({ data }) => data?.unsubscribe?.poll === null);
	ann.close();
});

test('nobody is present without an id, and what he says of himself is nothing',
	{ skip }, async () => {
		// Each time somebody else: who does not connect is soon forgotten.
		const refused = async (more, error) => {
			const clientId = await handshake(port);
			const [reply] = await post(port, subscribe(clientId,
				'/app/presence/strict', more));

			assert.deepEqual(reply, { clientId, channel: '/meta/subscribe',
				error, successful: false,
				subscription: '/app/presence/strict' });
		};
		const none = 'No presence id specified in presence subscription';

		for (const presence of [undefined, {}, { id: '' }, { id: 0 }, 'ann'])
			await refused(as(presence), none);
		await refused({ ext: { auth: { key: ID, secret: SECRET },
			presence: { id: 'me' } } }, none);
		await refused({}, 'No auth supplied');
		await refused(as({ id: 'a' }, '/app/presence/other'),
			'Token does not match channel');
		await refused(as({ id: 'a' }, '/app/presence/*', { sub: 'true' }),
			'Token does not allow subscribing');
		const id = await handshake(port);
		const reply = await subscribed(port, id, '/app/presence/strict',
			{ ext: { ...as({ id: 'real' }).ext, presence: { id: 'false' } } });

		assert.deepEqual(reply.ext, { presence: { subscribe: {
			real: { id: 'real' } } } });
		// New data replace the old, and nobody is told.
		const again = await subscribed(port, id, '/app/presence/strict',
			as({ id: 'real', more: 1 }));

		assert.deepEqual(again.ext.presence.subscribe,
			{ real: { id: 'real', more: 1 } });
	});

test('a token may end before what was subscribed with it', { skip },
	async () => {
		const id = await handshake(port);
		const own = '/app/private/long';
		// One that ends in this second may have ended on its way.
		const short = await until(async () => {
			const more = { ext: { auth: { token: token({ keyId: ID,
				sub: true, channel: '/app/private/**',
				exp: Math.floor(Date.now() / 1000) + 1 }) } } };
			const [reply] = await post(port, subscribe(id, own, more));

			return reply.successful && more;
		}, { what: 'a token was good' });

		await until(async () => {
			const [reply] = await post(port, subscribe(id, '/app/private/b',
				short));

			await post(port, connect(id, { advice: { timeout: 0 } }));
			return reply.error === 'Invalid token provided';
		}, { what: 'the token is not good any more' });
		await sys.publish({ channel: own, data: 'still' });
		await until(async () => events(await post(port, connect(id)))
			.some(({ data }) => data === 'still'));
	});

test('it ends with its token where that is wanted, and its client is told',
	{ skip }, async () => {
		const strict = await system({ env: { POSTHORN_HUB_BAYEUX_EXPIRY: '1' } });
		const it = await socket(strict.port);
		const { clientId } = await it.ask({ channel: '/meta/handshake',
			version: '1.0', supportedConnectionTypes: ['websocket'] });
		// As long as it is good; one may have ended before anything was said.
		const listens = async () => {
			const jwt = token({ keyId: ID, sub: true,
				channel: '/app/private/**',
				exp: Math.floor(Date.now() / 1000) + 2 });

			await it.ask(subscribe(clientId, '/app/private/a',
				{ ext: { auth: { token: jwt } } }));
			await strict.publish({ channel: '/app/private/a', data: 1 });
			return it.heard(({ data, error }) => data === 1 || error);
		};

		it.say(connect(clientId, { connectionType: 'websocket' }));
		await until(async () => (await listens()).data === 1);
		assert.deepEqual(await it.heard(({ error }) => error), { clientId,
			channel: '/meta/subscribe', error: 'Invalid token provided',
			successful: false, subscription: '/app/private/a' });
		await until(async () => await strict.sum('subscriptions') === 0);
		it.close();
		await strict.stop();
	});
