// incus.d.ts - the types of incus.js.

export = Incus;
export as namespace Incus;

declare class Incus extends Incus.Client {}

declare namespace Incus {
	interface Options {
		/** A constructor as the browser's; null: long poll only. */
		WebSocket?: (new (url: string) => WebSocket) | null;
		fetch?: typeof fetch;
		/** Shown to servers that want one. */
		token?: string;
	}

	interface Message<T = unknown> {
		event: string;
		data: T;
		/** Unix seconds of the server. */
		time: number;
		internal_url?: string;
		cursor?: string;
	}

	type Handler<T = any> = (data: T, message: Message<T>) => void;

	class Emitter {
		/** Also `connect`, `disconnect` and `error`. */
		on(name: string, handler: Handler): this;
		once(name: string, handler: Handler): this;
		off(name: string, handler: Handler): this;
	}

	class Client extends Emitter {
		constructor(url: string, user: string | number,
			page?: string | number | null, options?: Options);
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

	class Presence extends Emitter {
		/** Seconds without a touch, a key or the mouse. */
		constructor(after?: number, target?: EventTarget);
		readonly idle: boolean;
		on(name: 'idle' | 'return', handler: () => void): this;
		close(): void;
	}

	namespace Presence {
		class IncusNotifier {
			constructor(presence: Presence, client: Client);
		}
	}
}
