// bayeux_browser.test.js - Faye's own client, unchanged, in a real browser: on
// a page of ours and on one of elsewhere, by each way that it knows.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { tmpdir, until } from './lib/proc.js';
import { KEY, missing, system } from './lib/system.js';

const require = createRequire(import.meta.url);
const BROWSER = ['/usr/bin/chromium', '/usr/bin/chromium-browser',
	'/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
const skip = !BROWSER ? 'no chromium here' :
	missing('store', 'hub', 'ingress');
const SCRIPT = skip ? '' : fs.readFileSync(path.join(path.dirname(
	require.resolve('faye/package.json')), 'client/faye-browser.js'), 'utf8');
let browser, elsewhere, sys;

before(async () => {
	if (skip)
		return;
	sys = await system({ formation: 'hub=2' });
	elsewhere = http.createServer((request, reply) => {
		reply.writeHead(200, { 'content-type': 'text/html' });
		reply.end('<!doctype html><title>x</title>' +
			'<link rel="icon" href="data:,">');
	}).listen(0, '127.0.0.1');
	await once(elsewhere, 'listening');
	browser = await puppeteer.launch({ executablePath: BROWSER,
		userDataDir: path.join(tmpdir(), 'profile'),
		args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
});

after(async () => {
	await browser?.close();
	elsewhere?.close();
	elsewhere?.closeAllConnections();
	await sys?.stop();
});

// What runs in the page: it listens, publishes, and says by which way.
async function story(url, room, key, disable) {
	const client = new globalThis.Faye.Client(url, { retry: 0.2 });
	const heard = [];

	for (const feature of disable)
		client.disable(feature);
	client.addExtension({ outgoing(message, done) {
		const [id, secret] = key.split(':');

		message.ext = { auth: { key: id, secret } };
		done(message);
	} });
	await new Promise((resolve) => {
		client.subscribe(`/app/private/${room}/*`, (data) => {
			heard.push(data);
			if (heard.length === 3)
				resolve();
		}).then(async () => {
			for (const n of [1, 2, 3])
				await client.publish(`/app/private/${room}/a`,
					{ text: `\u2028${n}` });
		});
	});
	globalThis.client = client;
	return { heard: heard.map(({ text }) => text),
		type: client._dispatcher.connectionType };
}

const ways = ['websocket', 'eventsource', 'long-polling',
	'cross-origin-long-polling', 'callback-polling'];

const PAGES = [
	['here', 'websocket'], ['here', 'eventsource'], ['here', 'long-polling'],
	['here', 'callback-polling'], ['elsewhere', 'websocket'],
	['elsewhere', 'cross-origin-long-polling'],
	['elsewhere', 'callback-polling'],
];

for (const [where, type] of PAGES)
	test(`a page ${where}, by ${type}`, { skip }, async () => {
		const page = await browser.newPage();
		// It greets by one of these.
		const kept = [type, 'callback-polling',
			...type === 'eventsource' ? ['long-polling'] : []];
		const room = `${where}-${type}`;

		await page.goto(where === 'here' ? sys.url('/') :
			`http://127.0.0.1:${elsewhere.address().port}/`);
		await page.addScriptTag({ content: SCRIPT });
		const told = await page.evaluate(story, sys.url('/push'), room, KEY,
			ways.filter((way) => !kept.includes(way)));

		assert.deepEqual(told, { type,
			heard: [1, 2, 3].map((n) => `\u2028${n}`) });
		await sys.publish({ channel: `/app/private/${room}/b`,
			data: { text: 'native' } });
		await page.goto('about:blank');
		await page.close();
	});

test('pages that have gone leave no session', { skip }, () => until(async () =>
	await sys.sum('bayeux_handshakes_total') >= PAGES.length &&
	await sys.sum('bayeux_sessions') === 0, { ms: 20000 }));
