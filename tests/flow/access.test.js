// access.test.js - POSTHORN_ACCESS_LOG tells each request, of all stages in
// one file, and goes on in a new one when it is asked to.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { raw } from './lib/raw.js';
import { bin, start, tmpdir, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const skip = missing('store', 'hub', 'ingress');
const PAIR = /([a-z]+)=("(?:[^"\\]|\\.)*"|\S*)/g;

const lines = (file) => fs.readFileSync(file, 'utf8').split('\n').slice(0, -1)
	.map((line) => Object.fromEntries([...line.matchAll(PAIR)]
		.map(([, key, value]) => [key, value])));
const stage = (line) => line.stage.split('.')[0];

test('one line for each request, and for each connection', { skip },
	async () => {
		const file = path.join(tmpdir(), 'access.log');
		const channel = '/app/public/x';
		const sys = await system({ env: { POSTHORN_ACCESS_LOG: file } });

		await sys.publish({ channel, data: 1 });
		await sys.request(`/v1/none?token=hidden`);
		const stream = await raw(sys.port);

		stream.write(`GET /v1/sse?channel=${channel}&cursor= HTTP/1.1\r\n` +
			'Host: x\r\n\r\n');
		await stream.said(/retry: /);
		const find = (what) => lines(file).find((line) =>
			Object.entries(what).every(([k, v]) => line[k] === v));
		const told = await until(() => find({ path: '/v1/sse' }));

		assert.equal(stage(told), 'ingress');
		assert.match(told.hub, /^hub\.\d+$/);
		assert.equal(told.status, undefined);
		stream.close();
		const end = await until(() => lines(file).find((line) =>
			stage(line) === 'hub' && line.path === '/v1/sse'));

		assert.equal(end.requests, '1');
		assert.ok(Number(end.bytes) > 100);
		assert.equal(end.address, '127.0.0.1');
		const publish = await until(() => find({ path: '/v1/publish' }));

		assert.deepEqual([publish.method, publish.status, publish.address],
			['POST', '200', '127.0.0.1']);
		assert.ok(Number(publish.us) > 0 && Number(publish.bytes) > 100);
		const none = await until(() => find({ path: '/v1/none' }));

		assert.equal(none.status, '404');
		assert.doesNotMatch(fs.readFileSync(file, 'utf8'), /hidden|channel=/);

		fs.renameSync(file, `${file}.1`);
		for (const ps of sys.names().filter((ps) => /^ingress\./.test(ps)))
			sys.signal(ps, 'SIGUSR1'); // whichever holds our connection
		await until(async () => {
			await sys.request('/v1/after');
			return fs.existsSync(file) && find({ path: '/v1/after' });
		});
		await sys.stop();
	});

test('a file that cannot be made ends with 100', { skip }, async () => {
	const dir = tmpdir();
	const ingress = await start(bin('ingress'), [], { ready: false, cwd: dir,
		env: { POSTHORN_RUN: path.join(dir, 'run'), POSTHORN_LISTEN: '0',
			POSTHORN_ACCESS_LOG: path.join(dir, 'no', 'such') } });

	assert.equal((await ingress.ended()).code, 100);
	assert.match(ingress.out, /event=access_log /);
});
