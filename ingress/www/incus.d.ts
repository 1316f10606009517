// incus.d.ts - the types of incus.js.

export = Incus;
export as namespace Incus;

type Handler<T = any> = (data: T, message: Incus.Message<T>) => void;

declare class Emitter<Name extends string = string, Fn = Handler> {
	on(name: Name, handler: Fn): this;
	once(name: Name, handler: Fn): this;
	off(name: Name, handler: Fn): this;
}

/** Its events are those of its messages, and `connect`, `disconnect`, `gap`
 * and `error`. */
declare class Client extends Emitter {
	constructor(url: string, user: string | number,
		page?: string | number | null, options?: Incus.Options);
	readonly emitter: this;
	readonly url: string;
	readonly user: string;
	readonly UID: string;
	readonly page: string | null;
	readonly socketConnected: boolean;
	/** Where it stands; empty until the server told it. */
	readonly cursor: string;
	MessageUser(event: string, user: string | number, data: object): this;
	MessagePage(event: string, page: string | number, data: object): this;
	MessageAll(event: string, data: object): this;
	setPage(page: string | number): this;
	setPresence(presence: boolean): this;
	/** An envelope, as text for send(). */
	newCommand(command: string | Record<string, string>,
		message?: object): string;
	send(envelope: string): this;
	close(): this;
}

declare class Presence extends Emitter<'idle' | 'return', () => void> {
	/** Seconds without a touch, a key or the mouse. */
	constructor(after?: number, target?: Presence.Target);
	readonly idle: boolean;
	close(): void;
}

declare namespace Presence {
	/** What has events, as the body of a page. */
	interface Target {
		addEventListener(name: string, handler: () => void,
			options?: { passive?: boolean }): void;
		removeEventListener(name: string, handler: () => void): void;
	}

	class IncusNotifier {
		constructor(presence: Presence,
			client: { setPresence(presence: boolean): unknown });
	}
}

declare class Incus extends Client {}

import Self = Incus;

declare namespace Incus {
	export { Self as Incus, Client, Presence, Handler };

	/** The browser's WebSocket is one, and that of the module ws. */
	export interface Socket {
		onopen: ((event: any) => void) | null;
		onmessage: ((event: any) => void) | null;
		onerror: ((event: any) => void) | null;
		onclose: ((event: any) => void) | null;
		send(text: string): void;
		close(): void;
	}

	export interface Options {
		/** Null: long poll only. */
		WebSocket?: (new (url: string) => Socket) | null;
		fetch?: typeof fetch;
		/** Shown to servers that want one. */
		token?: string;
	}

	export interface Message<T = any> {
		event: string;
		data: T;
		/** Unix seconds of the server. */
		time: number;
		internal_url?: string;
		cursor?: string;
	}
}
