// disk.test.js - a disk of its own, which fills: what would be kept is refused
// with a clear word, the store stays, what keeps nothing goes on, and with
// space all is as before.  And a folder that two stores want.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { poll, ws } from './lib/clients.js';
import { bin, saying, start, tmpdir, until } from './lib/proc.js';
import { missing, system } from './lib/system.js';

const MIB = 1 << 20;
const SIZE = 64; // MiB of the disk
const BODY = 'x'.repeat(60000);
const BATCH = 10; // messages of one request
const KEPT = '/app/public/kept';
const LOOSE = '/app/public/loose/a';

// A disk of memory; NULL where nobody may mount one.
function disk() {
	const folder = tmpdir();

	try {
		execFileSync('mount', ['-t', 'tmpfs', '-o',
			`size=${SIZE}m,mode=0700`, 'tmpfs', folder],
		{ stdio: 'ignore' });
		return folder;
	} catch {
		return null;
	}
}

function probe() {
	const folder = disk();

	if (folder)
		execFileSync('umount', [folder]);
	return folder === null && 'no file system may be mounted here';
}

const skip = missing('store', 'hub', 'ingress') || probe();

const settings = (data, reserve) => ({
	POSTHORN_DATA: data,
	POSTHORN_STORE_ENGINE: 'rocksdb',
	POSTHORN_STORE_DATA_CACHE: '8m',
	POSTHORN_STORE_DATA_RESERVE: reserve,
	POSTHORN_STORE_HISTORY: '/**=100000,1h,1g /*/public/loose/**=0',
});

// Publish kept messages, numbered on, until `enough` of a reply; the number
// accepted.
async function fill(sys, from, enough) {
	for (let n = from; n < 100000; n += BATCH) {
		const { status, json } = await sys.post(JSON.stringify(
			Array.from({ length: BATCH }, (_, i) => ({ channel: KEPT,
				data: { n: n + i, BODY } }))));
		const bad = json.findIndex?.(({ error }) => error) ?? 0;
		const reply = bad === -1 ? { status } :
			{ status, ...json[bad]?.error ?? json.error };

		if (enough(reply))
			return [n + Math.max(0, bad), reply];
		assert.equal(bad, -1, JSON.stringify(json));
	}
	throw new Error('it takes all');
}

// Messages one by one until an answer has that status; the number of the
// message that was answered so.  What is smaller than what was refused may
// have room yet.
async function alone(sys, from, status) {
	let n = from, reply;

	await until(async () => {
		reply = await sys.post(
			JSON.stringify({ channel: KEPT, data: { n, BODY } }));
		assert.ok(reply.status === 200 || reply.json.error.code === 'full',
			JSON.stringify(reply.json));
		n += reply.status === 200 && status !== 200;
		return reply.status === status;
	}, { ms: 20000, what: `an answer ${status}` });
	return n;
}

// All that may be had of a channel are the messages that were accepted.
async function holds(sys, cursor, count) {
	const client = poll(sys, { channels: KEPT, cursor });

	await client.got(count, { ms: 30000 });
	assert.deepEqual(client.data.map(({ n }) => n),
		Array.from({ length: count }, (_, n) => n));
	assert.deepEqual(client.gaps, []);
	client.close();
}

// Whatever of the disk was left over.
function stuff(file) {
	const block = Buffer.alloc(MIB / 16);
	const fd = fs.openSync(file, 'a');

	try {
		for (;;)
			fs.writeSync(fd, block);
	} catch (e) {
		assert.equal(e.code, 'ENOSPC');
	}
	fs.closeSync(fd);
}

async function once(channel, data, sys, heard) {
	await sys.publish({ channel, data });
	await until(() => heard.data.at(-1) === data,
		{ what: `${channel} goes on` });
}

// What takes away is taken, however much is refused meanwhile; but for a few,
// which came when it was tried again whether there is space.
async function sheds(t, sys, jobs) {
	const lines = JSON.stringify(Array.from({ length: 2000 }, () =>
		({ channel: KEPT, data: 'refused' })));
	let over = false, refused = 0;
	const flood = Promise.all(Array.from({ length: 6 }, async () => {
		while (!over)
			for (const { error } of (await sys.post(lines)).json)
				assert.equal(error.code, 'full');
	}));

	flood.catch(() => {}); // it is awaited, or another failure is told
	for (const job of jobs)
		for (let status = 0; status !== 200; refused += status !== 200) {
			const reply = await sys.request(`/v1/jobs/${job}`,
				{ method: 'DELETE' });

			({ status } = reply);
			assert.ok([200, 507].includes(status), await reply.text());
		}
	over = true;
	await flood;
	t.diagnostic(`${refused} of ${jobs.length} were refused first`);
	assert.ok(refused <= jobs.length / 8);
}

async function enqueue(sys, count) {
	return Promise.all(Array.from({ length: count }, async (_, n) =>
		(await sys.json('/v1/jobs', { method: 'POST', body: JSON.stringify(
			{ queue: 'disk', target: `t${n}`, data: n }) })).job));
}

async function story(t, data, reserve) {
	const ballast = path.join(data, 'ballast');

	fs.writeFileSync(ballast, Buffer.alloc(24 * MIB));
	const sys = await system({ formation: '', env: settings(data, reserve) });
	const store = sys.pid('store.1');
	const heard = await ws(sys, { channels: LOOSE }).ready();
	const cursor = await sys.mark(KEPT);
	const jobs = await enqueue(sys, 40);
	const refused = ({ code }) => code === 'full';
	let left = 5; // requests once there is space

	try {
		await once(LOOSE, 'before', sys, heard);
		let [count, reply] = await fill(sys, 0, refused);

		t.diagnostic(`${count} messages, then ${JSON.stringify(reply)}`);
		assert.ok(count > 50);
		assert.equal(reply.message, 'the store cannot keep it');
		if (reserve === '0') // not a byte is left, and still it stands
			stuff(ballast);
		count = await alone(sys, count, 507);
		await once(LOOSE, 'full', sys, heard);
		if (reserve !== '0')
			await sheds(t, sys, jobs);
		await holds(sys, cursor, count);
		fs.rmSync(ballast);
		count = await alone(sys, count, 200) + 1;
		[count] = await fill(sys, count, () => --left < 0);
		await once(LOOSE, 'after', sys, heard);
		await holds(sys, cursor, count + BATCH);
		assert.deepEqual(heard.gaps, []);
		assert.equal(sys.pid('store.1'), store, 'it never died');
	} catch (e) {
		throw saying(e, `${sys.out.slice(-4000)}`);
	} finally {
		heard.close();
		await sys.stop();
	}
}

for (const reserve of ['8m', '0'])
	test(`a disk that fills, of which ${reserve} are left free`, { skip },
		async (t) => {
			const data = disk();

			try {
				await story(t, data, reserve);
			} finally {
				execFileSync('umount', [data]);
			}
		});

// RocksDB's own LOG is not on that disk: what it cannot write there ends the
// process by an assertion.
test('a start on a full disk names it, and ends with 111', { skip },
	async () => {
		const data = disk();
		const full = path.join(data, 'full');
		const begin = (more) => start(bin('store'), [], { cwd: tmpdir(),
			env: { ...settings(path.join(data, 'd'), '0'),
				POSTHORN_BOOTSTRAP: 'app:key:secret' }, ...more });
		const opens = async () => {
			const it = await begin();
			const files = fs.readdirSync(path.join(data, 'd/rocks.store.1'));

			assert.deepEqual(files.filter((f) => /LOG/.test(f)), []);
			assert.deepEqual(await it.stop(), { code: 0, signal: null });
		};

		// But for so many bytes.
		const fill = (left) => {
			const { bavail, bsize } = fs.statfsSync(data);

			execFileSync('fallocate', ['-l', `${bavail * bsize - left}`,
				full]);
		};

		try {
			for (const left of [0, 4 << 10, 'old', 0, 4 << 10]) {
				if (left === 'old') { // from here on there is something
					await opens();
					continue;
				}
				fill(left);
				const it = await begin({ ready: false });
				const { code } = await it.ended();

				fs.unlinkSync(full);
				assert.equal(code, 111, `${left}: ${it.out}`);
				assert.match(it.out, /event=rocks_open path=\S+ why=".*No space left on device/);
			}
			await opens();
			fill(128 << 10);
			await opens();
		} finally {
			execFileSync('umount', [data]);
		}
	});

test('a second store does not get the folder of the first', {
	skip: missing('store', 'hub', 'ingress') }, async () => {
	const sys = await system({ formation: '',
		env: { POSTHORN_STORE_ENGINE: 'rocksdb' } });
	const second = await sys.more('store', 'store.1', { ready: false,
		env: { POSTHORN_STORE: `ipc://${path.join(sys.dir, 'run/other')}` } });
	const { code } = await second.ended();

	assert.equal(code, 111, second.out);
	assert.match(second.out, /rocks\.store\.1 why="another store has it"/);
	await sys.publish({ channel: KEPT, data: 'nothing happened' });
	await sys.stop();
});
