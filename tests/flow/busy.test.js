// busy.test.js - send before a store that is too busy, as a script has it:
// one that takes some lines gets the others, too; one that takes none is
// given up, and says of which lines.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Bus } from './lib/bus.js';
import { bin, start, until } from './lib/proc.js';
import { missing } from './lib/system.js';
import { CODE, ID, Script } from './lib/wire.js';

const skip = missing('send');
const LINES = 15;
const UNANSWERED = 16384; // lines that send lets wait for answers
const TRIES = 10; // rounds without any success, as send(1) has it
const lines = Array.from({ length: LINES }, (_, n) =>
	`${JSON.stringify({ channel: `/a/public/${n}`, data: n })}\n`);

// Send those lines to a store that takes what `takes` says of [channel, round
// of it]; what came in each round of a line's.
async function told(takes) {
	const bus = new Bus();
	const rounds = new Map(); // channel -> times it came

	fs.mkdirSync(bus.env.POSTHORN_RUN);
	const store = await Script.at(path.join(bus.env.POSTHORN_RUN, 'store'),
		([id, seq, channel], wire) => {
			if (id !== ID.publish)
				return; // its counters
			const round = (rounds.get(channel) ?? 0) + 1;
			const code = takes(channel, round) ? CODE.ok : CODE.busy;

			rounds.set(channel, round);
			wire.send([ID.published, seq, code, 7, code ? 0 : seq, 0, 0]);
		});
	const it = await bus.send(lines.join(''), ['-v']);

	store.close();
	return { ...it, rounds, answers: it.out.toString().trim().split('\n')
		.map((line) => JSON.parse(line)) };
}

// One line a round: the last one is refused far more often than ten times.
test('a store that takes a line now and then gets all', { skip }, async () => {
	let taken = 0;
	const { code, rounds, answers, err } = await told((channel, round) =>
		round > taken && ++taken !== 0);

	assert.equal(code, 0, err);
	assert.equal(answers.length, LINES);
	assert.ok(answers.every(({ error }) => !error));
	const most = Math.max(...rounds.values());

	assert.ok(most > TRIES + 1, `${most} rounds`);
});

test('a store that takes none is given up', { skip }, async () => {
	const { code, rounds, answers, err } = await told(() => false);

	assert.equal(code, LINES, err);
	assert.equal(answers.length, LINES);
	assert.ok(answers.every(({ error }) => error.code === 'busy'));
	assert.match(err, /line 15: busy/);
	for (const [channel, n] of rounds)
		assert.equal(n, TRIES + 1, channel);
});

// All of a file is read at once, more lines than may wait for an answer.
test('a signal ends the input, not what was read of it', { skip }, async () => {
	const bus = new Bus(), open = [], all = UNANSWERED + 1000;
	const input = path.join(bus.dir, 'input');
	let wire, count = 0, answering = false;
	const answer = (seq) =>
		wire.send([ID.published, seq, CODE.ok, 7, seq, 0, 0]);

	fs.mkdirSync(bus.env.POSTHORN_RUN);
	fs.writeFileSync(input, `${'1\n'.repeat(all)}half a line`);
	const store = await Script.at(path.join(bus.env.POSTHORN_RUN, 'store'),
		([id, seq], from) => {
			if (id !== ID.publish)
				return;
			wire = from;
			count++;
			if (answering)
				answer(seq);
			else
				open.push(seq);
		});
	const send = await start('sh', ['-c',
		`exec ${bin('send')} --log-level info -c /a/public/x < ${input}`],
	{ cwd: bus.dir, env: bus.env, ready: false });

	await until(() => count === UNANSWERED, { what: 'they fill the room' });
	send.child.kill('SIGTERM');
	await until(() => /event=draining/.test(send.out),
		{ what: 'the signal was heard' });
	answering = true;
	open.forEach(answer);
	const { code } = await send.ended();

	store.close();
	assert.equal(code, 0, send.out);
	assert.equal(count, all);
});
