// pandapush_client.test.js - the clients at /client.js and /push/client.js with
// Posthorn: in Node and in a browser, by each way, through restarts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { Pandapush, client } from './lib/faye.js';
import { tmpdir, until } from './lib/proc.js';
import { KEY, missing, system } from './lib/system.js';
import { token } from './lib/token.js';

const BROWSER = ['/usr/bin/chromium', '/usr/bin/chromium-browser',
	'/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
const skip = missing('store', 'hub', 'ingress');
const skipBrowser = skip || (!BROWSER && 'no chromium here');
const WAYS = [['WebSocket', 'websocket', { socket: true }],
	['long polls', 'long-polling', { socket: false }]];
const [ID] = KEY.split(':');
let sys, browser, elsewhere;

before(async () => {
	if (!skip)
		sys = await system();
});

after(async () => {
	await browser?.close();
	elsewhere?.close();
	elsewhere?.closeAllConnections();
	await sys?.stop();
});

// As an application makes it for its users.
const pass = (channel, claims = { sub: true, pub: true }) =>
	token({ keyId: ID, channel, ...claims }, { kid: '' });
const pandapush = (at, options) => client(at.url('/push'),
	{ Kind: Pandapush.Client, ...options });

// Published as the README says.
async function rest(at, channel, data) {
	const reply = await at.request(`/channel${channel}`, { method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify(data) });

	assert.deepEqual([reply.status, await reply.text()], [200, 'OK']);
}

for (const [how, type, options] of WAYS) {
	test(`by ${how}, what is published is heard where a token lets one`,
		{ skip }, async () => {
			const one = pandapush(sys, options);
			const place = `/app/private/${type}`, got = [];

			await one.subscribeTo(`${place}/*`, pass(`${place}/**`),
				(...it) => got.push(it));
			await one.subscribe(`/app/public/${type}`,
				(data) => got.push([data]));
			await one.publishTo(`${place}/a`, pass(`${place}/*`), { n: 1 });
			await until(() => got.length === 1);
			await rest(sys, `${place}/b`, { n: 2 });
			await rest(sys, `/app/public/${type}`, { n: 3 });
			await sys.publish({ channel: `${place}/c`, data: { n: 4 } });
			await until(() => got.length === 4);
			assert.deepEqual(got, [[{ n: 1 }, `${place}/a`],
				[{ n: 2 }, `${place}/b`], [{ n: 3 }],
				[{ n: 4 }, `${place}/c`]]);
			assert.equal(one.line.type, type);
			await one.disconnect();
		});

	test(`by ${how}, who may not is told so as by Pandapush`, { skip },
		async () => {
			const one = pandapush(sys, options);
			const said = async (promise) => {
				const { code, params, message } = await promise.then(
					() => assert.fail('it was allowed'), (e) => e);

				assert.deepEqual([code, params], [null, []]);
				return message;
			};
			const place = '/app/private/closed';

			assert.equal(await said(one.subscribe(place)), 'No auth supplied');
			assert.equal(await said(one.subscribeTo(place, null, () => {})),
				'No auth supplied');
			assert.equal(await said(one.subscribeTo(place, 'x', () => {})),
				'Invalid token');
			assert.equal(await said(one.subscribeTo(place,
				pass(`${place}y`), () => {})), 'Token does not match channel');
			assert.equal(await said(one.subscribeTo('/app/x/y', null,
				() => {})), 'Invalid channel name');
			assert.equal(await said(one.publishTo(place,
				pass(place, { sub: true }), 1)),
			'Token does not allow publishing');
			assert.equal(await said(one.publish('/app/public/x', 1)),
				'No auth supplied');
			await one.disconnect();
		});

	test(`by ${how}, nobody sees another's token`, { skip }, async () => {
		const one = pandapush(sys, options);
		const place = `/app/private/bare/${type}`, got = [];

		one.addExtension({ incoming: (message, done) => {
			if (message.data)
				got.push(JSON.stringify(message));
			done(message);
		} });
		await one.subscribeTo(place, pass(place), () => {});
		await one.publishTo(place, pass(place), { a: 1 });
		await until(() => got.length === 1);
		assert.ok(!/auth|token|_original|eyJ|clientId/.test(got[0]), got[0]);
		await one.disconnect();
	});

	test(`by ${how}, who is there is told, and who comes and goes`, { skip },
		async () => {
			const place = `/app/presence/${type}`;
			const told = { a: [], b: [] };
			const join = (who, id) => {
				const one = pandapush(sys, options);

				return one.subscribeTo(place, () => Promise.resolve(
					pass(place, { sub: true, presence: { id, name: who } })),
				(data) => told[who].push(data)).then(() => one);
			};
			const a = { id: 'a', name: 'a' }, b = { id: 7, name: 'b' };
			const first = await join('a', 'a');

			assert.deepEqual(told.a, [{ subscribe: { a } }]);
			const second = await join('b', 7);

			assert.deepEqual(told.b, [{ subscribe: { 7: b, a } }]);
			await until(() => told.a.length === 2);
			await second.disconnect();
			await until(() => told.a.length === 3);
			assert.deepEqual(told.a.slice(1), [{ subscribe: { 7: b } },
				{ unsubscribe: { 7: null } }]);
			await first.disconnect();
		});

	test(`by ${how}, a hub that dies is got over, with a fresh token`,
		{ skip }, async () => {
			const own = await system();

			try {
				const one = pandapush(own, options);
				const place = '/app/private/again', got = [], shown = [];

				await one.subscribeTo(place, () => {
					shown.push(one.getClientId());
					return pass(place);
				}, (data) => got.push(data));
				await own.kill('hub.1');
				await until(() => shown.length === 2,
					{ what: 'another token is asked for' });
				assert.notEqual(shown[0], shown[1]);
				await until(async () => {
					await rest(own, place, { n: 1 });
					return got.length !== 0;
				}, { what: 'it hears again' });
				await one.disconnect();
			} finally {
				await own.stop();
			}
		});

	test(`by ${how}, an ingress or a store that dies costs no session`,
		{ skip }, async () => {
			const own = await system();

			try {
				const one = pandapush(own, options);
				const place = '/app/private/kept', got = [];

				await one.subscribeTo(place, pass(place),
					(data) => got.push(data));
				const was = one.getClientId();

				for (const stage of ['ingress.1', 'store.1']) {
					await own.kill(stage);
					await own.readyz();
					await until(async () => {
						await one.publishTo(place, pass(place), stage)
							.then(undefined, () => {});
						return got.includes(stage);
					}, { what: `it hears after ${stage} died` });
				}
				assert.equal(one.getClientId(), was);
				await one.disconnect();
			} finally {
				await own.stop();
			}
		});

	test(`by ${how}, three hubs are one`, { skip }, async () => {
		const own = await system({ formation: 'hub=3' });

		try {
			const all = Array.from({ length: 6 }, () =>
				pandapush(own, options));
			const got = all.map(() => []);

			await Promise.all(all.map((one, i) => one.subscribe(
				'/app/public/all', (data) => got[i].push(data))));
			for (const n of [1, 2, 3])
				await all[n].publishTo('/app/public/all',
					pass('/app/public/all'), n);
			await until(() => got.every((it) => it.length === 3));
			assert.deepEqual(got, all.map(() => [1, 2, 3]));
			await Promise.all(all.map((one) => one.disconnect()));
		} finally {
			await own.stop();
		}
	});
}

// ---- In a browser

// A page of another origin, with the client that the server has.
const page = (reply) => {
	reply.writeHead(200, { 'content-type': 'text/html' });
	reply.end('<!doctype html><title>x</title><link rel="icon" href="data:,">' +
		`<script src="${sys.url('/client.js')}"></script>`);
};

async function open() {
	if (browser === undefined) {
		elsewhere = http.createServer((_, reply) => page(reply))
			.listen(0, '127.0.0.1');
		await once(elsewhere, 'listening');
		browser = await puppeteer.launch({ executablePath: BROWSER,
			userDataDir: path.join(tmpdir(), 'profile'), args: ['--no-sandbox',
				'--disable-gpu', '--disable-dev-shm-usage'] });
	}
	return browser.newPage();
}

// In the page.
async function listen(url, place, pass, { disable = [], blocked = false }) {
	const heard = [];
	const one = new globalThis.Pandapush.Client(url, blocked ? { retry: 0.2,
		fetch: () => Promise.reject(new TypeError('blocked')) } : {});

	for (const feature of disable)
		one.disable(feature);
	await new Promise((resolve, reject) => {
		one.subscribeTo(place, pass, (data) => {
			heard.push(data);
			if (heard.length === 3)
				resolve();
		}).then(async () => {
			for (const n of [1, 2, 3])
				await one.publishTo(place, pass, `\u2028</script>${n}`);
		}).catch(reject);
	});
	globalThis.one = one;
	return { heard, type: one.line.type };
}

for (const [what, home, options, type] of [
	['on its origin, by WebSocket', true, {}, 'websocket'],
	['on its origin, by long poll', true, { disable: ['websocket'] },
		'long-polling'],
	['elsewhere, by WebSocket', false, {}, 'websocket'],
	['elsewhere, by long poll', false, { disable: ['websocket'] },
		'cross-origin-long-polling'],
	['elsewhere, by scripts alone', false,
		{ disable: ['websocket'], blocked: true }, 'callback-polling'],
])
	test(`a page ${what}`, { skip: skipBrowser }, async () => {
		const tab = await open();
		const place = `/app/private/page/${home}/${type}`;

		if (home) { // the demo page, and our script in it
			await tab.goto(sys.url('/'), { waitUntil: 'domcontentloaded' });
			await tab.addScriptTag({ url: '/client.js' });
		} else {
			await tab.goto(`http://127.0.0.1:${elsewhere.address().port}/`);
		}
		const told = await tab.evaluate(listen, sys.url('/push'), place,
			pass(place), options);

		assert.deepEqual(told, { type,
			heard: [1, 2, 3].map((n) => `\u2028</script>${n}`) });
		await until(async () => await sys.sum('bayeux_sessions') === 1,
			{ what: 'the session is counted' });
		await tab.goto('about:blank');
		await until(async () => await sys.sum('bayeux_sessions') === 0,
			{ what: 'the session is over' });
		await tab.close();
	});
