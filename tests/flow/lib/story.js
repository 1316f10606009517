// story.js - what is told of restarts: publishers of each kind at a steady
// rate, clients that resume, something that befalls a stage meanwhile, and
// what must be true of everything published.
//
// A row is one publisher, its channels and the clients that listen to them:
// { name, channels, clients, publisher, count }.
import assert from 'node:assert/strict';
import { parse, matches, poll, sse, ws } from './clients.js';
import { until } from './proc.js';
import { httpLines, pipeLines, redisList } from './publishers.js';

export const PUBLISHERS = { httpLines, pipeLines, redisList };
export const QUICK = { POSTHORN_HUB_RETRY: '20ms',
	POSTHORN_HUB_SPREAD: '100ms',
	POSTHORN_STORE_HISTORY: '/**=100000,10m,256m' };
const LONG = 5000; // ms; longer than the three beats of a link

// Start publishing on these channels, and listen to them: `wanted` has one
// [transport, channels and patterns] for each client.
export async function row(sys, { name, channels, wanted, ...rest }) {
	const clients = [];

	for (const [listen, hears] of wanted)
		clients.push(listen(sys, { channels: hears, resume: true,
			cursor: await sys.position(...[hears].flat()) }));
	await Promise.all(clients.map((client) => client.ready()));
	return { name, channels, clients,
		publisher: PUBLISHERS[name](sys, { channel: channels, ...rest }) };
}

export const kinds = [ws, sse, poll];

export const flowing = (rows, count) => Promise.all(rows.flatMap(
	({ clients }) => clients.map((client) => client.got(
		client.messages.length + count, { ms: 30000 }))));

// ms from `since` until every client has something published after that, and
// who was last.
export async function backAfter(rows, since) {
	const delays = [];

	for (const { name, clients, publisher } of rows)
		for (const client of clients) {
			const who = `${client.kind} of ${name}`;
			const later = ({ data }) => data.at > since;

			await until(() => client.messages.some(later), { ms: 30000,
				what: `${who} is back; it ${JSON.stringify(client)}, ` +
				`${publisher.done} of ${publisher.next} accepted ` +
				`${publisher.note ?? ''}` });
			delays.push([client.times[client.messages.findIndex(later)] -
				since, who]);
		}
	return delays.sort(([a], [b]) => b - a)[0];
}

// What comes a second later is whole, too.
export async function goesOn(rows) {
	const goals = rows.map(({ publisher }) =>
		publisher.next + publisher.rate);

	await until(() => rows.every(({ publisher }, n) =>
		publisher.next >= goals[n]), { ms: 30000,
		what: 'every publisher goes on' });
}

// The longest that a client heard nothing between two times, in ms.
export function silence({ times }, from, to) {
	const heard = [from, ...times.filter((at) => at > from && at < to), to];

	return Math.max(...heard.slice(1).map((at, i) => at - heard[i]));
}

// Stop publishing, and let everything arrive.
export async function finish(rows) {
	for (const it of rows)
		it.count = await it.publisher.finish();
	for (const it of rows)
		for (const client of it.clients)
			for (const channel of heardBy(client, it)) {
				const last = published(it, channel).at(-1);
				const have = () => client.messages.findLast((message) =>
					message.channel === channel)?.data.n;

				await until(() => have() === last, { ms: 30000,
					what: `${client.kind} of ${it.name} has message ` +
					`${last} of ${channel}` }).catch((e) => {
					throw new Error(`${e.message}, but ${have()}: ` +
						JSON.stringify(client));
				});
			}
}

// Publishers go on, and nobody is told anything: no answer, no message.  What
// was told before is on its way for a while yet, on a busy machine.
export async function nothingTold(rows) {
	const turn = async () => {
		const from = rows.map(({ publisher }) => publisher.next);

		await until(() => rows.every(({ publisher }, i) =>
			publisher.next >= from[i] + 10));
		return rows.map(({ publisher, clients }) => [publisher.done,
			...clients.map(({ messages }) => messages.length)]).join();
	};
	let before, now = await turn();

	for (let turns = 0; turns < 10 && now !== before; turns++) {
		before = now;
		now = await turn();
	}
	assert.equal(now, before, 'nothing is told that is not kept');
}

export function abandon(rows) {
	for (const { publisher, clients } of rows) {
		publisher.abandon();
		clients.forEach((client) => client.close());
	}
}

const heardBy = (client, { channels }) => channels.filter((channel) =>
	client.channels.some((pattern) => matches(pattern, channel)));

// The numbers published on a channel, in their order.
const published = ({ channels, count }, channel) =>
	Array.from({ length: count }, (_, n) => n)
		.filter((n) => channels[n % channels.length] === channel);

const heard = (client, channel) => client.messages.filter((message) =>
	message.channel === channel);

function same(got, wanted, who) {
	const wrong = wanted.findIndex((n, at) => n !== got[at]);

	assert.equal(wrong, -1, `${who}: after ` +
		`${got.slice(Math.max(0, wrong - 3), wrong)} came ` +
		`${got.slice(wrong, wrong + 3)}, not ${wanted[wrong]}`);
	assert.equal(got.length, wanted.length, `${who}: and no more`);
}

// Every one, once, in order, and no hole.
export function whole(it) {
	for (const client of it.clients) {
		const who = `${client.kind} of ${it.name}`;

		// First: it explains what is missing, or comes again.
		assert.deepEqual(client.gaps, [], who);
		for (const channel of heardBy(client, it))
			same(heard(client, channel).map(({ data }) => data.n),
				published(it, channel), `${who}, ${channel}`);
	}
}

// After the numbering of some shards was lost: on their channels the hole is
// told once, and but for those that were unanswered when the store died (see
// CAVEATS of store) none comes twice.  The others know nothing of it.
//   rest   the new numbering begins with what is left of the old history: what
//          was lost is missing in it, once
export function told(lost, { rest = false } = {}) {
	return (it) => {
		for (const client of it.clients) {
			const who = `${client.kind} of ${it.name}`;

			for (const channel of heardBy(client, it)) {
				const messages = heard(client, channel);
				const [[shard]] = parse(messages[0].cursor);

				if (lost(shard))
					renumbered(client, messages,
						{ wanted: published(it, channel), rest,
							who: `${who}, ${channel}` });
				else
					same(messages.map(({ data }) => data.n),
						published(it, channel), `${who}, ${channel}`);
			}
			for (const { from } of client.gaps)
				for (const [shard] of parse(from))
					assert.ok(lost(shard), `${who}: a gap of ${from}`);
		}
	};
}

// Where a run of those that are wanted ends.
function runEnd(got, wanted) {
	const from = wanted.indexOf(got[0]);
	const end = got.findIndex((n, at) => n !== wanted[from + at]);

	return end === -1 ? got.length : end;
}

function renumbered(client, messages, { wanted, who, rest }) {
	const epochs = [];
	const seen = new Map();
	const at = (cursor, shard) => parse(cursor).get(shard)?.epoch;
	const [[shard]] = parse(messages[0].cursor);

	for (const { cursor, data: { n } } of messages) {
		const epoch = at(cursor, shard);

		if (!epochs.includes(epoch))
			epochs.push(epoch);
		assert.notEqual(seen.get(n), epoch, `${who}: ${n} twice`);
		seen.set(n, epoch);
	}
	assert.equal(epochs.length, 2, `${who}: epochs`);
	const gaps = client.gaps.filter(({ channel, from, to }) =>
		matches(channel, messages[0].channel) &&
		at(from, shard) === epochs[0] && at(to, shard) === epochs[1]);

	assert.equal(gaps.length, 1, `${who}: gaps, of ` +
		JSON.stringify(client.gaps));
	// Within an epoch nothing is missing: the hole is between the two.
	for (const epoch of epochs) {
		const of = messages.filter(({ cursor }) => at(cursor, shard) === epoch)
			.map(({ data }) => data.n);

		const left = rest && epoch === epochs[1] ? runEnd(of, wanted) : 0;
		const run = of.slice(left === of.length ? 0 : left);

		assert.ok(run[0] >= of[0], `${who}: what is left comes first`);
		same(run, wanted.slice(wanted.indexOf(run[0]),
			wanted.indexOf(run.at(-1)) + 1), `${who}, epoch ${epoch}`);
	}
	assert.equal(messages[0].data.n, wanted[0], `${who}: the first`);
}

// ---- What may befall a stage; each resolves with the time since when it may
// be expected back.

export async function kill(sys, ps) {
	const since = Date.now();

	await sys.kill(ps);
	return since;
}

export async function hold(sys, ps) {
	const pid = sys.signal(ps, 'SIGSTOP');
	const began = Date.now();

	await until(() => Date.now() - began >= LONG, { ms: 2 * LONG });
	process.kill(pid, 'SIGCONT');
	return Date.now();
}
