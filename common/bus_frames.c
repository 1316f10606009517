/*
 * bus_frames.c - a few frames off the front of a message.
 */
#include "common/bus_frames.h"

unsigned
bus_frames_cut(struct slice *in, struct msg out[FRAMES_AHEAD], const char **why)
{
	unsigned count = 0;

	while (in->n != 0 && count < FRAMES_AHEAD) {
		long n = msg_decode(*in, &out[count], why);

		if (n <= 0) {
			if (n == 0)
				*why = "a frame is cut short";
			break;
		}
		*in = slice_from(*in, (size_t)n);
		count++;
	}
	return count;
}
