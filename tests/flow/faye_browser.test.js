// faye_browser.test.js - our client of Bayeux in a real browser, with Faye's
// own server: on its origin and on another, by each way that a page has.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { Peer } from './lib/faye.js';
import { tmpdir, top, until } from './lib/proc.js';

const BROWSER = ['/usr/bin/chromium', '/usr/bin/chromium-browser',
	'/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
const skip = !BROWSER && 'no chromium here';
const SCRIPT = ['push_ways', 'push_line', 'push', 'pandapush'].map((name) =>
	fs.readFileSync(path.join(top, `ingress/www/${name}.js`), 'utf8')).join('');
let browser, elsewhere, peer;

// A page with the client in it, and nothing else.
function serve(request, reply) {
	const script = request.url === '/client.js';

	reply.writeHead(200, { 'content-type': script ?
		'text/javascript' : 'text/html' });
	reply.end(script ? SCRIPT : '<!doctype html><title>x</title>' +
		'<link rel="icon" href="data:,"><script src="/client.js"></script>');
}

before(async () => {
	if (skip)
		return;
	peer = await new Peer({ page: serve }).start();
	elsewhere = http.createServer(serve).listen(0, '127.0.0.1');
	await once(elsewhere, 'listening');
	browser = await puppeteer.launch({ executablePath: BROWSER,
		userDataDir: path.join(tmpdir(), 'profile'),
		args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
});

after(async () => {
	await browser?.close();
	elsewhere?.close();
	elsewhere?.closeAllConnections();
});

// What runs in the page: it listens, publishes, and says by which way.
async function story(url, { disable = [], blocked = false }) {
	const { Faye } = globalThis;
	const heard = [];
	const client = new Faye.Client(url, { retry: 0.2, ...blocked && {
		fetch: () => Promise.reject(new TypeError('blocked')) } });

	for (const feature of disable)
		client.disable(feature);
	await new Promise((resolve) => {
		client.subscribe('/room/*', (data) => {
			heard.push(data);
			if (heard.length === 3)
				resolve();
		}).then(async () => {
			for (const n of [1, 2, 3])
				await client.publish('/room/a', `\u2028${n}`);
		});
	});
	const { type } = client.line;

	globalThis.client = client; // it is left as it is: the page goes
	return { heard, type };
}

for (const [what, where, options, type] of [
	['on its origin, by WebSocket', 'here', {}, 'websocket'],
	['on its origin, by long poll', 'here', { disable: ['websocket'] },
		'long-polling'],
	['elsewhere, by WebSocket', 'there', {}, 'websocket'],
	['elsewhere, by long poll', 'there', { disable: ['websocket'] },
		'cross-origin-long-polling'],
	['elsewhere, by scripts alone', 'there',
		{ disable: ['websocket'], blocked: true }, 'callback-polling'],
])
	test(`a page ${what}`, { skip }, async () => {
		const page = await browser.newPage();
		const from = where === 'here' ? peer.port : elsewhere.address().port;

		await page.goto(`http://127.0.0.1:${from}/`);
		const told = await page.evaluate(story, peer.url, options);

		assert.deepEqual(told, { type,
			heard: [1, 2, 3].map((n) => `\u2028${n}`) });
		const id = await page.evaluate(() => globalThis.client.getClientId());

		// A page that goes says so.
		await page.goto('about:blank');
		await until(() => peer.said.some(({ channel, clientId }) =>
			channel === '/meta/disconnect' && clientId === id));
		await page.close();
	});

test('a page that has Faye already keeps it, and gets Pandapush besides',
	{ skip }, async () => {
		const page = await browser.newPage();

		await page.goto(peer.url.replace('/push', '/'));
		await page.evaluate(() => delete globalThis.Faye);
		await page.addScriptTag({ url: `${peer.url}/client.js` });
		const theirs = await page.evaluate(() => {
			globalThis.theirs = globalThis.Faye;
			return typeof globalThis.Faye.Client;
		});

		await page.addScriptTag({ url: '/client.js' });
		assert.deepEqual([theirs, await page.evaluate(() => [
			globalThis.Faye === globalThis.theirs,
			globalThis.Pandapush.Client.prototype instanceof
				globalThis.theirs.Client])], ['function', [true, true]]);
		// And Pandapush's works on it.
		const got = await page.evaluate(async (url) => {
			const one = new globalThis.Pandapush.Client(url);
			const heard = new Promise((resolve) =>
				one.subscribeTo('/p', 'tok', (...it) => resolve(it))
					.then(() => one.publishTo('/p', () => 'pub', { n: 1 })));
			const it = await heard;

			one.disconnect();
			return it;
		}, peer.url);

		assert.deepEqual(got, [{ n: 1 }, '/p']);
		assert.ok(peer.said.some(({ channel, ext }) =>
			channel === '/meta/subscribe' && ext?.auth?.token === 'tok'));
		assert.ok(peer.said.some(({ channel, ext }) =>
			channel === '/p' && ext?.auth?.token === 'pub'));
		await page.close();
	});
