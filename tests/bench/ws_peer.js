'use strict';
/*
 * ws_peer.js - a peer of the bench: npm's ws behind the same publishers.
 *
 * A client's path, less its first slash, is its channel.  POST takes NDJSON
 * of {channel, data}, in one request or as an endless stream, and answers a
 * line for each.
 */
const http = require('http');
const { WebSocketServer } = require(process.env.BENCH_WS || 'ws');

const channels = new Map();

function publish(line) {
	const { channel, data } = JSON.parse(line);
	const text = JSON.stringify({ channel, data });

	for (const client of channels.get(channel) || [])
		client.send(text);
	return '{"channel":"' + channel + '"}\n';
}

const server = http.createServer((request, response) => {
	let rest = '';

	request.setEncoding('utf8');
	request.on('data', (chunk) => {
		const lines = (rest + chunk).split('\n');

		rest = lines.pop();
		response.write(lines.map(publish).join(''));
	});
	request.on('end', () => response.end(rest && publish(rest)));
});
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

server.keepAliveTimeout = 60000;
server.requestTimeout = 0;
sockets.on('connection', (client, request) => {
	const name = request.url.slice(1);

	if (!channels.has(name))
		channels.set(name, new Set());
	channels.get(name).add(client);
	client.on('error', () => {});
	client.on('close', () => channels.get(name).delete(client));
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1',
	backlog: 4096 }, () => process.stdout.write('\n'));
