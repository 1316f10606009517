/*
 * tool.h - what `store` does to a folder that no store has open.
 */
#ifndef STORE_TOOL_H
#define STORE_TOOL_H

/* check, export, import, drop: does it, and gives the exit status.  -1: the
 * first argument is none of these words. */
int store_tool(int argc, char *const *argv);

#endif
