// incus_js.test.js - /incus.js alone, with a socket and a fetch that do what
// the test says, in the moments that no server can be made to hold.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Incus } from './lib/incus_whole.js';
import { hasty, until } from './lib/proc.js';

let one, sockets, polls, posts;

class Socket {
	constructor() {
		this.sent = [];
		sockets.push(this);
	}

	send(text) {
		this.sent.push(JSON.parse(text));
	}

	close() {}
}

// What is asked for, by poll or with something posted, waits until the test
// answers it.
const fetch = (url, { signal }) => new Promise((resolve, reject) => {
	const command = new URL(url).searchParams.get('command');

	signal.addEventListener('abort', () => reject(new Error('aborted')));
	if (command === null)
		polls.push((status, text, headers) => resolve({ status,
			headers: new Headers(headers), text: async () => text }));
	else
		posts.push({ n: JSON.parse(command).message.data.n,
			answer: (ok) => resolve({ ok }), fail: reject });
});

function client() {
	sockets = [];
	polls = [];
	posts = [];
	one = new Incus('http://h:1', 'me', 'p', { WebSocket: Socket, fetch });
}

afterEach(() => one.close());

const say = (n) => one.MessageUser('hello', 'you', { n });
const on = (socket) => socket.sent.filter(({ command }) =>
	command.command === 'message').map(({ message }) => message.data.n);
const posted = () => posts.map(({ n }) => n);

// What an await of the client needs to go on.
async function settled() {
	let turns = 0;

	await until(() => turns++ === 2);
}

test('a socket that opens says who it is, and then what waits', async () => {
	client();
	sockets[0].onopen();
	say(1);
	assert.deepEqual(sockets[0].sent.map(({ command }) => command.command),
		['authenticate', 'setpage', 'message']);
	assert.deepEqual(posted(), []);
});

test('what is being posted when the socket opens is not sent twice',
	async () => {
		client();
		say(1);
		say(2);
		sockets[0].onopen();
		posts[0].answer(true);
		await until(() => on(sockets[0]).length !== 0);
		say(3);
		assert.deepEqual(posted(), [1]);
		assert.deepEqual(on(sockets[0]), [2, 3]);
	});

test('nothing overtakes what is being posted when the socket opens',
	async () => {
		client();
		say(1);
		say(2);
		sockets[0].onopen();
		say(3);
		await settled();
		assert.deepEqual(on(sockets[0]), []);
		assert.equal(sockets[0].sent.length, 2); // who it is, and its page
		posts[0].answer(true);
		await until(() => on(sockets[0]).length === 2);
		assert.deepEqual(on(sockets[0]), [2, 3]);
	});

for (const [how, end] of [['is refused', (post) => post.answer(false)],
	['fails', (post) => post.fail(new Error('reset'))]])
	test(`a post that ${how} after the socket opened goes there, first`,
		async () => {
			client();
			say(1);
			say(2);
			sockets[0].onopen();
			end(posts[0]);
			await until(() => on(sockets[0]).length === 2);
			assert.deepEqual(on(sockets[0]), [1, 2]);
			assert.deepEqual(posted(), [1]);
		});

test('a socket that opens while the next attempt is waited for has all at once',
	async () => {
		client();
		say(1);
		say(2);
		posts[0].answer(false);
		await settled();
		sockets[0].onopen();
		assert.deepEqual(on(sockets[0]), [1, 2]);
		say(3);
		assert.deepEqual(on(sockets[0]), [1, 2, 3]);
	});

test('a socket that is lost while a post is under way gets nothing of it',
	async () => {
		client();
		say(1);
		say(2);
		sockets[0].onopen();
		sockets[0].onclose();
		posts[0].answer(true);
		await until(() => posts.length === 2);
		assert.deepEqual(posted(), [1, 2]);
		assert.deepEqual(on(sockets[0]), []);
		posts[1].answer(true);
	});

test('one is connected once, by poll or by socket, until the socket is lost',
	async () => {
		const told = [];

		client();
		one.on('connect', () => told.push('connect'));
		one.on('disconnect', () => told.push('disconnect'));
		polls[0](200, '{"event":"e","data":{}}');
		await until(() => polls.length === 2);
		assert.deepEqual(told, ['connect']);
		sockets[0].onopen();
		assert.deepEqual(told, ['connect']);
		sockets[0].onclose();
		await until(() => polls.length === 3);
		polls[2](200, '{"event":"e","data":{}}');
		await until(() => sockets.length === 2);
		sockets[1].onopen();
		assert.deepEqual(told, ['connect', 'disconnect', 'connect']);
	});

test('a server that gives no positions has heard what it does not answer',
	async (t) => {
		hasty(t);
		client();
		say(1);
		say(2);
		await until(() => posts.length === 2);
		assert.deepEqual(posted(), [1, 2]);
	});

test('one that does has not, and is told again', async (t) => {
	hasty(t);
	client();
	polls[0](204, '', { 'X-Incus-Cursor': '1.0' });
	await until(() => polls.length === 2);
	say(1);
	say(2);
	await until(() => posts.length === 2);
	assert.deepEqual(posted(), [1, 1]);
	posts[1].answer(true);
	await until(() => posts.length === 3);
	assert.deepEqual(posted(), [1, 1, 2]);
});
