/*
 * core_tracks.c - frames about tracked messages.
 */
#include "store/core_own.h"

void
core_tracks_open(struct core *c)
{
	c->tracks = tracks_new(&(struct tracks_setup){
	    .wire = &c->wire,
	    .most = c->setup->tracks,
	    .keep_ms = c->setup->tracks_ms,
	});
	c->publishing_setup.tracks = c->tracks;
	c->route_setup.tracks = c->tracks;
	c->replays_setup.tracks = c->tracks;
}

void
core_fates(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	tracks_fates(c->tracks, s->peer, &m->fates);
}

void
core_message(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	tracks_ask(c->tracks, s->peer, &m->message, loop_now(c->setup->loop));
}
