// apns_key.test.js - who we are for Apple: tokens, certificates, and what
// happens while neither is liked.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { becomes, device, job, MESSAGE, posthorn, push, skip } from './lib/apns.js';
import { bin, start, tmpdir, until } from './lib/proc.js';

const many = (sys, n, more = {}) => Promise.all(Array.from({ length: n },
	(_, i) => push(sys, MESSAGE, { target: device(i + 1), ...more })));
// One after the other: whoever asks for fifty at a time keeps the machine busy.
const all = async (sys, ids, state) => {
	for (const id of ids)
		await becomes(sys, id, state);
};

test('many pushes share one token and one connection', { skip }, async () => {
	const { sys, apple } = await posthorn({ sections: (apple) =>
		apple.section('app') + apple.section('app/other',
			{ topic: 'com.example.other' }) });
	const ids = await many(sys, 50);

	ids.push(await push(sys, { payload: MESSAGE, connection: 'other' }));
	await all(sys, ids, 'delivered');
	apple.oneToken();
	assert.equal(apple.sessions.length, 1);
	assert.equal(apple.pushes.at(-1).headers['apns-topic'],
		'com.example.other');
	const { iat } = JSON.parse(Buffer.from(
		[...apple.jwts][0].split('.')[1], 'base64url'));

	assert.equal(iat % 3000, 0); // so that every process says the same
	await sys.stop();
});

test('until Apple knows us there is one stream, and then there are many',
	{ skip }, async () => {
		const { sys, apple } = await posthorn();

		apple.hold = [];
		const ids = await many(sys, 40);

		await until(() => apple.hold.length === 1);
		// A push that comes now waits as well.
		ids.push(await push(sys, MESSAGE));
		assert.equal(apple.hold.length, 1);
		apple.hold.shift()();
		await until(() => apple.hold.length === 40,
			{ what: 'all the others are under way' });
		assert.equal(apple.sessions[0].most, 40);
		apple.hold.splice(0).forEach((go) => go());
		await all(sys, ids, 'delivered');
		assert.equal(apple.sessions.length, 1);
		await sys.stop();
	});

test('a token that is too old for Apple is made anew, once for all',
	{ skip }, async () => {
		const { sys, apple } = await posthorn();

		await all(sys, await many(sys, 1), 'delivered');
		const [old] = apple.jwts;
		const { iat } = JSON.parse(
			Buffer.from(old.split('.')[1], 'base64url'));
		const young = () => Date.now() / 1000 - iat < 1200;
		const stopped = () =>
			/event=stopped .*ExpiredProviderToken/.test(sys.out);
		const before = young();

		apple.refuses = (jwt) => jwt === old && 'ExpiredProviderToken';
		const ids = await many(sys, 20);

		await until(() => stopped() || apple.jwts.size === 2);
		if (stopped()) {
			// Apple forbids another so soon: our clock must be wrong.
			assert.ok(before);
			assert.equal(apple.jwts.size, 1);
		} else {
			assert.ok(!young());
			await all(sys, ids, 'delivered');
			assert.equal(apple.jwts.size, 2);
			assert.equal((await job(sys, ids[0])).attempts, 1);
		}
		await sys.stop();
	});

test('while a key is not liked no attempt is used up, and a reload goes on',
	{ skip }, async () => {
		const { sys, apple } = await posthorn({
			env: { POSTHORN_APNS_STOP: '500ms' } });

		apple.refuses = () => 'InvalidProviderToken';
		const ids = await many(sys, 20);
		const asked = () => apple.pushes.length;

		await sys.up.said(/event=stopped .*InvalidProviderToken/);
		// It is tried again, and again, by one each time.
		await until(() => asked() >= 3);
		assert.ok(asked() < 10, `${asked()} pushes`);
		await until(async () => await sys.sum('apns_stops_total') >= 2);
		for (const id of ids) {
			const it = await job(sys, id);

			assert.ok(it.attempts <= 1, JSON.stringify(it));
			assert.notEqual(it.state, 'dead');
		}
		apple.refuses = () => undefined;
		sys.signal('apns.1', 'SIGHUP');
		await all(sys, ids, 'delivered');
		assert.equal(apple.taken().length, 20);
		await sys.stop();
	});

test('a certificate goes without a token, and needs no topic', { skip },
	async () => {
		const { sys, apple } = await posthorn({ sections: ({ client, host }) =>
			`[app]\ncert = ${client.cert}\nprivate_key = ${client.key}\n` +
			`host = ${host}\n` });

		await all(sys, await many(sys, 30), 'delivered');
		assert.deepEqual(apple.sessions.map(({ subject, known }) =>
			[subject, known]), [['client', true]]);
		for (const { headers } of apple.pushes) {
			assert.equal(headers.authorization, undefined);
			assert.equal(headers['apns-topic'], undefined);
		}
		await sys.stop();
	});

test('without a key it says so once and takes nothing, until it has one',
	{ skip }, async () => {
		const { sys, apple, apps } = await posthorn({ sections: () => '' });
		const id = await push(sys, MESSAGE);

		await sys.up.said(/stage=apns.1 event=idle .*no certificate/);
		await until(async () => await sys.sum('pusher_idle') === 1);
		assert.equal((await job(sys, id)).state, 'ready');
		fs.writeFileSync(apps, apple.section('app'));
		sys.signal('apns.1', 'SIGHUP');
		await becomes(sys, id, 'delivered');
		assert.equal(sys.out.match(/event=idle/g).length, 1);
		// What is wrong in it is told by line, and nothing changes.
		fs.writeFileSync(apps, `${apple.section('app')}colour = red\n`);
		sys.signal('apns.1', 'SIGHUP');
		await sys.up.said(/apns=apps:7 what=colour why="is no key that is known"/);
		await becomes(sys, await push(sys, MESSAGE), 'delivered');
		assert.equal(apple.sessions.length, 1);
		await sys.stop();
	});

test('a reload finishes what is under way, and connects anew', { skip },
	async () => {
		const { sys, apple } = await posthorn();

		await all(sys, await many(sys, 1), 'delivered');
		apple.hold = [];
		const ids = await many(sys, 5);

		await until(() => apple.hold.length === 5);
		sys.signal('apns.1', 'SIGHUP');
		await sys.up.said(/stage=apns.1 event=reload/);
		ids.push(await push(sys, MESSAGE));
		await until(() => apple.hold.length === 6);
		apple.hold.splice(0).forEach((go) => go());
		apple.hold = null;
		await all(sys, ids, 'delivered');
		assert.equal(apple.taken().length, 7);
		assert.deepEqual(apple.sessions.map(({ pushes }) => pushes), [6, 1]);
		await until(() => apple.sessions[0].session.destroyed,
			{ what: 'the old connection is closed' });
		await sys.stop();
	});

test('settings that cannot be used are named', { skip }, async () => {
	const dir = tmpdir();
	const says = async (text, ...words) => {
		fs.writeFileSync(`${dir}/apps`, text);
		const it = await start(bin('apns'), ['-t'], { ready: false, cwd: dir,
			env: { POSTHORN_APNS_APPS: 'apps' } });

		assert.equal((await it.ended()).code, 100, it.out);
		for (const word of words)
			assert.ok(it.out.includes(word), `${word} in ${it.out}`);
	};

	await says('cert = x\n', 'apps:1', 'before the first section');
	await says('[a]\nkey = x\n', 'what=a', 'wants key_id and team_id');
	await says('[a]\n\n[a]\n', 'apps:3', 'twice');
	await says('[a]\n', 'neither cert nor key');
	await says('[a]\ncert = none.pem\n', 'none.pem', 'No such file');
	await says('[a]\nkey = k.p8\nkey_id = K\nteam_id = T\ntopic = t\n',
		'what=k.p8', 'No such file');
	await says('[a]\ncert = c\nhost = gateway.push.apple.com:2195\n',
		'binary protocol');
	await says('[a]\ncert = c\nhost = h:99999\n', 'port of 1 to 65535');
	const named = await start(bin('apns'), ['-t'], { ready: false, cwd: dir,
		env: { POSTHORN_APNS_STORE_CERT: 'mine.pem' } });

	assert.equal((await named.ended()).code, 100);
	assert.match(named.out, /mine\.pem.*No such file/);
	// The original's default names are missed by nobody.
	const none = await start(bin('apns'), ['-t'], { ready: false, cwd: dir });

	assert.equal((await none.ended()).code, 0, none.out);
});
